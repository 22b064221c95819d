/**
 * Sessions of a vCenter: each door alone, and one object that has them all (`VCenter`).
 *
 * @module
 */

export { Appliance, type ApplianceOptions } from "./appliance.ts";
export type { BridgedSoap, BridgedVapi, BridgedVim } from "./bridged-calls.ts";
export type { BridgedSession, SideSession } from "./bridged-session.ts";
export { userPrincipalName } from "./broker/identity.ts";
export { SessionLease } from "./broker/lease.ts";
export type { LockoutOptions } from "./broker/lockout-guard.ts";
export type { BrokerConnectOptions, SessionBrokerOptions } from "./broker/options.ts";
export { SessionBroker } from "./broker/session-broker.ts";
export type { StoredSession } from "./broker/stored-session.ts";
export {
  SESSION_CARRIERS,
  type SessionCarrier,
  type SessionHeaders,
  type SessionService,
  securityContext,
  sessionHeaders,
} from "./carrier.ts";
export type {
  AdoptedSessions,
  AdoptOptions,
  BridgeConnectOptions,
  ConnectOptions,
} from "./connect-options.ts";
export { parseSessionCookie, type SetSessionCookie } from "./cookie.ts";
export type {
  CallOptions as SessionCallOptions,
  DoorAdoptOptions,
  DoorCredential,
  DoorOptions,
  JwtCredential,
  SessionDoor,
  SessionInfo,
} from "./door.ts";
export type { CacheFolders, CacheSearch } from "./interchange/cached-sessions.ts";
export { formatCurlConfig, parseCurlConfig } from "./interchange/curl.ts";
export { FoundSession } from "./interchange/found-session.ts";
export {
  cachedServiceContent,
  type GovcSession,
  readGovcSessions,
  type ServiceContentSource,
  writeGovcSessions,
} from "./interchange/govc.ts";
export type { HandedOverSession } from "./interchange/handed-session.ts";
export { formatPowercliCommand } from "./interchange/powercli.ts";
export { formatPyvmomiScript } from "./interchange/pyvmomi.ts";
export { parseSessionEnvironment } from "./interchange/session-environment.ts";
export { writeSessionFile } from "./interchange/session-files.ts";
export { parseSessionJson } from "./interchange/session-json.ts";
export {
  readTerraformSessions,
  type TerraformSession,
  writeTerraformSessions,
} from "./interchange/terraform.ts";
export type { KeepAliveOptions } from "./keep-alive.ts";
export type { SessionCredential, TokenRequest } from "./principal.ts";
export type { ServiceContent } from "./service-content.ts";
export { SESSION_CHANNEL, type SessionEvent, type SessionSide } from "./session-event.ts";
export type { UserSession } from "./session-manager.ts";
export type { ShareDecisions, SharePolicy } from "./share-decision.ts";
export {
  type SessionHolder,
  type SiblingCallOptions,
  type SiblingName,
  type SiblingOptions,
  SiblingService,
  sessionCarrier,
} from "./siblings.ts";
export { type SignedRequest, type SignHeaderOptions, signHeader } from "./sign-header.ts";
export type { SoapFields, SoapValue } from "./soap-fields.ts";
export { FileStore, type FileStoreOptions } from "./stores/file-store.ts";
export { MemoryStore } from "./stores/memory-store.ts";
export type { RedisClusterCommands, RedisCommands } from "./stores/redis-connection.ts";
export { RedisStore, type RedisStoreOptions } from "./stores/redis-store.ts";
export type { LockOptions, SessionStore, StoreLock } from "./stores/session-store.ts";
export { stateFolder } from "./stores/state-folder.ts";
export {
  startTask,
  type TaskInfo,
  type TaskOptions,
  type TaskProgress,
  type TaskStatus,
  type TaskWaitOptions,
  VapiTask,
} from "./task.ts";
export type { DoorTransport } from "./transport.ts";
export {
  type JsonValue,
  VapiCalls,
  type VapiRequest,
  type VapiRequestOptions,
  type VapiResponse,
} from "./vapi-calls.ts";
export { parseChallenges } from "./vapi-challenge.ts";
export { type InvokeOptions, VapiJsonRpc, type VapiJsonRpcOptions } from "./vapi-jsonrpc.ts";
export { type RestStyle, VapiRest, type VapiRestOptions } from "./vapi-rest.ts";
export {
  vapiBinary,
  vapiDouble,
  vapiMap,
  vapiOptional,
  vapiSecret,
  vapiStructure,
} from "./vapi-value.ts";
export { VCenter } from "./vcenter.ts";
export {
  type ManagedObjectReference as MoRef,
  VimCalls,
  type VimRequest,
  type VimRequestOptions,
  type VimResponse,
} from "./vim-calls.ts";
export { VimJson, type VimJsonOptions } from "./vim-json.ts";
export {
  type BoxedType,
  vimBoxed,
  vimReference,
  vimTyped,
} from "./vim-json-value.ts";
export {
  type ExtensionLoginOptions,
  type SoapCallOptions,
  VimSoap,
  type VimSoapOptions,
} from "./vim-soap.ts";
