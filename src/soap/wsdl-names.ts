import { UnsupportedError } from "../errors.ts";
import type { WsdlNode } from "./wsdl-files.ts";

/** Names by which the `soap` package means something of its own; what bears them would be lost or misread. */
const RESERVED: Readonly<Record<"element" | "attribute", ReadonlySet<string>>> = {
  element: new Set(["attributes", "_attributes", "_xml"]),
  attribute: new Set(["xsi_type"]),
};

/**
 * Looks at the declaration of an element or an attribute.
 *
 * @throws UnsupportedError when the `soap` package could not carry what it declares.
 */
export function refuseReservedName({ local, attributes }: WsdlNode): void {
  const name = attributes.get("name");
  if (name === undefined || (local !== "element" && local !== "attribute")) return;
  if (name in {} || RESERVED[local].has(name)) {
    throw new UnsupportedError(`the schema has an ${local} named ${name}, which cannot be carried`, {
      hint: "take it out of a copy of the WSDL, if no operation that you call needs it",
    });
  }
}
