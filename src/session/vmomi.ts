import type { DoorName } from "../errors.ts";
import { readEnvelope, refuseAnswer } from "../soap/decode.ts";
import { exchangeSoap } from "../soap/exchange.ts";
import type { MessageSecurity } from "../soap/security.ts";
import { quoteAnswer } from "../sts/secrets.ts";
import { escapeAttribute } from "../xml/escape.ts";
import { children, TreeSink, type XmlElement } from "../xml/reader.ts";
import { checkName, encodeFields, encodeReference, type SoapFields } from "./soap-fields.ts";
import type { DoorTransport } from "./transport.ts";
import type { ManagedObjectReference } from "./vim-calls.ts";
import { vimError } from "./vim-fault.ts";
import { secretsInParameters } from "./vim-secrets.ts";

/** One call of a VMOMI service: vCenter's own, or one of its siblings. */
export interface VmomiCall {
  readonly transport: DoorTransport;
  readonly url: string;
  readonly door: DoorName;
  readonly namespace: string;
  /** Value of SOAPAction: namespace and version. */
  readonly action: string;
  readonly operation: string;
  readonly target: ManagedObjectReference;
  readonly parameters?: SoapFields | undefined;
  readonly httpHeaders?: Readonly<Record<string, string>> | undefined;
  /** Header blocks in exclusive canonical form. */
  readonly headerXml?: string | undefined;
  readonly security?: MessageSecurity | undefined;
  readonly idempotent?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What is sent in confidence beside the parameters; asked for when it is needed. */
  readonly secrets: () => readonly string[];
  /** Whether the answer holds a secret, so that none of it is quoted. */
  readonly confidential?: boolean | undefined;
  readonly login?: boolean | undefined;
  readonly loginHint?: string | undefined;
}

/** Elements and attributes of an answer; each takes about a kilobyte while it is read. */
const MAX_TREE = 500_000;

/**
 * Sends a call and reads what came back: the `returnval` elements, none where the operation returns nothing.
 *
 * @throws VimFaultError, SessionLimitError, and as `exchangeSoap`.
 */
export async function callVmomi(call: VmomiCall): Promise<readonly XmlElement[]> {
  const { url, namespace, operation } = call;
  const response = `${operation}Response`;
  let body: string | undefined;
  const bodyXml = writeBody(call);
  // On failure only: to look for them takes time.
  const secrets = (): string[] => [...call.secrets(), ...secretsInParameters(call.parameters)];
  try {
    const { value } = await exchangeSoap<XmlElement | undefined>({
      transport: {
        request: async (target, request) => {
          const reply = await call.transport.request(target, request);
          if (reply.status !== 200) body = reply.body.toString("utf8");
          return reply;
        },
      },
      url,
      operation: { namespace, local: operation },
      action: call.action,
      bodyXml,
      headerXml: call.headerXml,
      httpHeaders: call.httpHeaders,
      security: call.security,
      idempotent: call.idempotent,
      signal: call.signal,
      quote: (text) => (call.confidential ? "its words are left out" : quoteAnswer(text, secrets())),
      read: (text) => {
        const tree = new TreeSink(MAX_TREE);
        const fault = readEnvelope(text, (ns, local, tag) => {
          if (ns !== namespace || local !== response) refuseAnswer(ns, local, namespace, response);
          tree.open(ns, local, tag);
          return tree;
        });
        return fault ? { kind: "fault", fault } : { kind: "result", value: tree.root, issues: [] };
      },
    });
    return value ? children(value, namespace, "returnval") : [];
  } catch (error) {
    throw vimError(error, { ...call, secrets: secrets(), body });
  }
}

function writeBody({ namespace, operation, target, parameters }: VmomiCall): string {
  checkName(operation);
  const fields = encodeReference("_this", target) + encodeFields(parameters ?? {});
  return `<${operation} xmlns="${escapeAttribute(namespace)}">${fields}</${operation}>`;
}
