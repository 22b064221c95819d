/** Who a session belongs to. */
export interface SessionUser {
  /** `Administrator@vsphere.local`: what vAPI calls the user. */
  readonly upn: string;
  /** `VSPHERE.LOCAL\Administrator`: what VIM calls the user. */
  readonly userName: string;
  readonly fullName: string;
  /** Members of Administrators may do everything, others read. */
  readonly administrator: boolean;
  /** Logged in with the certificate of a service. */
  readonly solution: boolean;
}
