import type { QName } from "../errors.ts";

/** A message before it is secured. Its parts are in exclusive canonical form: their bytes are what is digested. */
export interface UnsecuredEnvelope {
  /** The child of the SOAP body, complete with its namespace declarations. */
  readonly bodyXml: string;
  /** Header blocks of the caller, one after the other; empty when there are none. */
  readonly headerXml: string;
  /** Name of the request element. */
  readonly operation: QName;
  /** SOAPAction of the operation. */
  readonly action: string;
  /** Where the message goes. */
  readonly url: string;
}

/**
 * Secures a message, usually by a WS-Security header with a signature over the body, and returns the whole
 * envelope as it is sent. Called once for every attempt, so that timestamps are fresh; what it throws fails the
 * call, and it is waited for no longer than the call may take.
 */
export interface MessageSecurity {
  secure(envelope: UnsecuredEnvelope): string | Promise<string>;
}
