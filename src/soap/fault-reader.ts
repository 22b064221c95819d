import type { QName } from "../errors.ts";
import { SOAP_NAMESPACE } from "../xml/names.ts";
import { type StartTag, TreeSink, type XmlElement, type XmlSink } from "../xml/reader.ts";

/** A SOAP 1.1 fault as it came. */
export interface SoapFault {
  /** Namespace and name empty where the server gave none. */
  readonly faultCode: QName;
  /** The server's own words; may be empty. */
  readonly faultString: string;
  /** First element within `detail`. */
  readonly detail: XmlElement | undefined;
}

/** Reads the content of a `Fault` element; names and texts that the server left out are empty. */
export class FaultReader implements XmlSink {
  #faultCode: QName | undefined;
  #faultString: string | undefined;
  #detail: TreeSink | undefined;
  #depth = 0;
  /** The child of Fault being read: its name when it is one of SOAP's, else undefined. */
  #part: string | undefined;
  #text = "";
  #detailDone = false;

  fault(): SoapFault {
    return {
      faultCode: this.#faultCode ?? { namespace: "", local: "" },
      faultString: this.#faultString ?? "",
      detail: this.#detail?.root,
    };
  }

  open(namespace: string, local: string, tag: StartTag): void {
    this.#depth++;
    if (this.#depth === 1) {
      // SOAP 1.1 has these unqualified; some servers put them into the namespace of the envelope.
      this.#part = namespace === "" || namespace === SOAP_NAMESPACE ? local : undefined;
      this.#text = "";
    } else if (this.#part === "detail" && !this.#detailDone) {
      this.#detail ??= new TreeSink();
      this.#detail.open(namespace, local, tag);
    }
  }

  text(piece: string): void {
    if (this.#depth === 1) this.#text += piece;
    else if (this.#part === "detail" && !this.#detailDone) this.#detail?.text(piece);
  }

  /** Not to be called for the end of `Fault` itself. */
  close(tag: StartTag): void {
    this.#depth--;
    if (this.#depth > 0) {
      if (this.#part === "detail" && !this.#detailDone) {
        this.#detail?.close();
        this.#detailDone = this.#depth === 1;
      }
    } else if (this.#part === "faultcode") {
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
