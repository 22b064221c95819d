import { X509Certificate } from "node:crypto";
import { DS_NAMESPACE, SAML2_NAMESPACE } from "../../xml/names.ts";
import { elementsOf, is, textOf } from "../dom.ts";
import { CM_HOLDER_OF_KEY } from "./names.ts";

/** The one SubjectConfirmation of an assertion, or undefined. */
export function confirmationOf(assertion: Element): Element | undefined {
  const subject = only(assertion, SAML2_NAMESPACE, "Subject");
  return subject && only(subject, SAML2_NAMESPACE, "SubjectConfirmation");
}

/** Certificate that the holder of an assertion proves to own; undefined where there is none, or no clear one. */
export function confirmationCertificate(assertion: Element): X509Certificate | undefined {
  const confirmation = confirmationOf(assertion);
  if (confirmation?.getAttribute("Method") !== CM_HOLDER_OF_KEY) return undefined;
  let element = only(confirmation, SAML2_NAMESPACE, "SubjectConfirmationData");
  for (const local of ["KeyInfo", "X509Data", "X509Certificate"]) {
    // Each level holds the next and nothing else.
    const [inner, further]: Element[] = element ? elementsOf(element) : [];
    element = !further && is(inner, DS_NAMESPACE, local) ? inner : undefined;
  }
  if (!element) return undefined;
  try {
    return new X509Certificate(Buffer.from(textOf(element).replace(/\s/g, ""), "base64"));
  } catch {
    return undefined;
  }
}

function only(parent: Element, namespace: string, local: string): Element | undefined {
  const [found, further] = elementsOf(parent).filter((element) => is(element, namespace, local));
  return further ? undefined : found;
}
