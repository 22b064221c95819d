import type { QName } from "../errors.ts";
import { type StartTag, TreeSink, type XmlElement, type XmlSink } from "../xml/reader.ts";

/** A SOAP 1.1 fault as it came. */
export interface SoapFault {
  /** Namespace and name empty where the server gave none. */
  readonly faultCode: QName;
  /** The server's own words; may be empty. */
  readonly faultString: string;
  /** First element within `detail`. */
  readonly detail: XmlElement | undefined;
  /** All of them. */
  readonly details: readonly XmlElement[];
}

/** Elements and attributes that a fault's detail may have. */
const MAX_DETAIL = 10_000;

/** Reads the content of a `Fault` element; names and texts that the server left out are empty. */
export class FaultReader implements XmlSink {
  #faultCode: QName | undefined;
  #faultString: string | undefined;
  #detail: TreeSink | undefined;
  #depth = 0;
  /** Local name of the child of Fault being read; undefined for a detail that is passed over. */
  #part: string | undefined;
  #text = "";

  fault(): SoapFault {
    const details = this.#detail?.root?.children ?? [];
    return {
      faultCode: this.#faultCode ?? { namespace: "", local: "" },
      faultString: this.#faultString ?? "",
      detail: details[0],
      details,
    };
  }

  open(namespace: string, local: string, tag: StartTag): void {
    this.#depth++;
    if (this.#depth === 1) {
      // SOAP 1.1 has these unqualified; a default namespace declared above them qualifies them all the same.
      this.#part = local;
      this.#text = "";
      if (this.#part === "detail") {
        // A fault has one detail; of several the first counts.
        if (this.#detail) this.#part = undefined;
        else this.#detail = new TreeSink(MAX_DETAIL);
      }
    }
    if (this.#part === "detail") this.#detail?.open(namespace, local, tag);
  }

  text(piece: string): void {
    if (this.#part === "detail") this.#detail?.text(piece);
    else if (this.#depth === 1) this.#text += piece;
  }

  /** Not to be called for the end of `Fault` itself. */
  close(tag: StartTag): void {
    this.#depth--;
    if (this.#part === "detail") this.#detail?.close();
    if (this.#depth > 0) return;
    if (this.#part === "faultcode") {
      this.#faultCode ??= qualify(this.#text.trim(), tag);
    } else if (this.#part === "faultstring") {
      this.#faultString ??= this.#text.trim();
    }
  }
}

function qualify(name: string, tag: StartTag): QName {
  const colon = name.indexOf(":");
  const prefix = colon < 0 ? "" : name.slice(0, colon);
  return { namespace: tag.resolve(prefix) ?? "", local: name.slice(colon + 1) };
}
