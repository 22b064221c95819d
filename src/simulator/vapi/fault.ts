/** Standard errors of vAPI (`com.vmware.vapi.std.errors`) and the HTTP status that REST gives them. */
const STATUS = {
  already_exists: 400,
  already_in_desired_state: 400,
  canceled: 400,
  invalid_argument: 400,
  invalid_request: 400,
  not_allowed_in_current_state: 400,
  unexpected_input: 400,
  unsupported: 400,
  unauthenticated: 401,
  unauthorized: 403,
  not_found: 404,
  operation_not_found: 404,
  concurrent_change: 409,
  internal_server_error: 500,
  service_unavailable: 503,
} as const;

export type StandardError = keyof typeof STATUS;

export interface LocalizableMessage {
  readonly id: string;
  readonly default_message: string;
  readonly args: readonly string[];
}

const PREFIX = "com.vmware.vapi.std.errors.";

/** An error as vAPI reports it, in its three forms. */
export class VapiFault extends Error {
  readonly kind: StandardError;
  readonly messages: readonly LocalizableMessage[];
  /** How to authenticate; with `unauthenticated` alone. */
  readonly challenge: string | undefined;

  constructor(
    kind: StandardError,
    id: string,
    text: string,
    args: readonly string[] = [],
    challenge?: string,
  ) {
    super(text);
    this.kind = kind;
    this.messages = [{ id, default_message: text, args }];
    this.challenge = challenge;
  }

  get status(): number {
    return STATUS[this.kind];
  }

  /** `com.vmware.vapi.std.errors.not_found` */
  get canonicalName(): string {
    return PREFIX + this.kind;
  }

  /** Of `/api`. */
  toApi(): object {
    return { error_type: this.kind.toUpperCase(), messages: this.messages, ...this.#challenge() };
  }

  /** Of `/rest`. */
  toRest(): object {
    return { type: this.canonicalName, value: { messages: this.messages, ...this.#challenge() } };
  }

  /** Of JSON-RPC. */
  toRpc(): object {
    const messages = this.messages.map((message) => ({
      STRUCTURE: { "com.vmware.vapi.std.localizable_message": message },
    }));
    const challenge =
      this.kind === "unauthenticated" ? { challenge: { OPTIONAL: this.challenge ?? null } } : {};
    const fields = {
      messages,
      data: { OPTIONAL: null },
      error_type: { OPTIONAL: this.kind.toUpperCase() },
      ...challenge,
    };
    return { ERROR: { [this.canonicalName]: fields } };
  }

  #challenge(): { challenge?: string } {
    return this.challenge === undefined ? {} : { challenge: this.challenge };
  }
}

export function invalidArgument(text: string): VapiFault {
  return new VapiFault("invalid_argument", "com.vmware.vapi.std.errors.invalid_argument", text);
}

export function unexpectedInput(name: string): VapiFault {
  return new VapiFault(
    "unexpected_input",
    "vapi.data.structure.field.unexpected",
    `The field ${name} is not known.`,
    [name],
  );
}

export function invalidRequest(text: string): VapiFault {
  return new VapiFault("invalid_request", "com.vmware.vapi.rest.invalid_request", text);
}

export function notFound(what: string, id: string): VapiFault {
  return new VapiFault("not_found", "com.vmware.vapi.std.errors.not_found", `There is no ${what} ${id}.`, [
    id,
  ]);
}

export function notAllowed(text: string): VapiFault {
  return new VapiFault(
    "not_allowed_in_current_state",
    "com.vmware.vapi.std.errors.not_allowed_in_current_state",
    text,
  );
}

export function operationNotFound(text: string): VapiFault {
  return new VapiFault("operation_not_found", "vapi.method.input.invalid.interface", text);
}

export function permissionDenied(): VapiFault {
  return new VapiFault(
    "unauthorized",
    "com.vmware.vapi.endpoint.authorization.denied",
    "Unable to authorize user.",
  );
}
