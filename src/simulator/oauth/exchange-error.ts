const STATUS = { invalid_request: 400, invalid_grant: 400, unauthenticated: 401 } as const;

/** A token exchange that is refused, in the two forms of vAPI. */
export class ExchangeError extends Error {
  readonly kind: keyof typeof STATUS;

  constructor(kind: keyof typeof STATUS, message = "Authentication required.") {
    super(message);
    this.kind = kind;
  }

  get status(): number {
    return STATUS[this.kind];
  }

  /** Of `/api`. */
  toApi(): object {
    return { error_type: this.kind.toUpperCase(), messages: this.#messages() };
  }

  /** Of `/rest`. */
  toRest(): object {
    const prefix =
      this.kind === "unauthenticated" ? "com.vmware.vapi.std.errors" : "com.vmware.vcenter.tokenservice";
    return { type: `${prefix}.${this.kind}`, value: { messages: this.#messages() } };
  }

  #messages(): object[] {
    const id =
      this.kind === "unauthenticated"
        ? "com.vmware.vapi.endpoint.method.authentication.required"
        : `com.vmware.vcenter.tokenservice.${this.kind}`;
    return [{ id, default_message: this.message, args: [] }];
  }
}
