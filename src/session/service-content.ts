import { type DoorName, ProtocolError, UnsupportedError } from "../errors.ts";
import { type AboutInfo, readAbout } from "../lookup/about.ts";
import { attribute, type XmlElement } from "../xml/reader.ts";
import type { ManagedObjectReference } from "./vim-calls.ts";

/** Where everything starts: what a server is, and the objects it offers. */
export interface ServiceContent {
  readonly about: AboutInfo;
  /** `SessionManager` at a vCenter, `ha-sessionmgr` at an ESXi host. */
  readonly sessionManager: ManagedObjectReference;
  readonly propertyCollector: ManagedObjectReference;
  /** All references by the names of the schema, these two among them: `rootFolder`, `setting`, … */
  readonly references: Readonly<Record<string, ManagedObjectReference>>;
}

/**
 * Reads the answer to RetrieveServiceContent.
 *
 * @throws ProtocolError `RESPONSE_UNEXPECTED` when it lacks `about` or one of the objects that every server has.
 */
export function readServiceContent(content: XmlElement | undefined, url: string): ServiceContent {
  const about = readAbout(content, url);
  // fromEntries defines each name as its own, whatever the server calls it.
  const references: Readonly<Record<string, ManagedObjectReference>> = Object.fromEntries(
    (content?.children ?? []).flatMap((element) => {
      const type = attribute(element, "", "type");
      const value = element.text.trim();
      return type && value !== "" && element.children.length === 0 ? [[element.local, { type, value }]] : [];
    }),
  );
  const required = (name: string): ManagedObjectReference => {
    const reference = Object.hasOwn(references, name) ? references[name] : undefined;
    if (reference) return reference;
    throw new ProtocolError(
      "RESPONSE_UNEXPECTED",
      `${url} answered RetrieveServiceContent without a ${name}`,
      { url, hint: "check that the URL is a vCenter's or an ESXi host's" },
    );
  };
  return {
    about,
    sessionManager: required("sessionManager"),
    propertyCollector: required("propertyCollector"),
    references,
  };
}

/** Whether a server is an ESXi host, which has neither vAPI nor VI/JSON nor tokens of a Security Token Service. */
export function isEsxi(about: Pick<AboutInfo, "apiType">): boolean {
  return about.apiType === "HostAgent";
}

const DOOR_WORDS: Readonly<Record<DoorName, string>> = {
  "vapi-rest": "vAPI REST",
  "vapi-jsonrpc": "vAPI JSON-RPC",
  "vim-soap": "VIM SOAP",
  "vim-json": "VI/JSON",
};

/**
 * Refuses an ESXi host where only a vCenter will do.
 *
 * @param what The door, or what else was asked for, as the subject of a sentence.
 * @throws UnsupportedError with `worksAt: "vim-soap"`
 */
export function requireVCenter(about: AboutInfo, what: DoorName | (string & {}), server: string): void {
  if (!isEsxi(about)) return;
  const words = Object.hasOwn(DOOR_WORDS, what) ? DOOR_WORDS[what as DoorName] : what;
  throw new UnsupportedError(
    `${server} is an ESXi host (${about.fullName || "HostAgent"}): ${words} is there at a vCenter only`,
    {
      worksAt: "vim-soap",
      hint: "use VIM SOAP with the host's own user and password, or ask the vCenter that manages the host",
    },
  );
}
