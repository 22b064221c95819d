import { RSA_SAML_NAMESPACE, SAML2_DELEGATION_NAMESPACE, SAML2_NAMESPACE } from "../xml/names.ts";
import { children, type XmlElement } from "../xml/reader.ts";
import {
  booleanAttribute,
  isSaml,
  isType,
  nameOf,
  onlyChild,
  optionalAttribute,
  optionalCount,
  optionalInstant,
  requiredInstant,
  unknownElement,
} from "./elements.ts";
import type { Delegate, RenewRestriction, UnknownElement } from "./info.ts";
import { malformed } from "./malformed.ts";

export interface ConditionsReading {
  readonly notBefore: Date;
  readonly notOnOrAfter: Date;
  readonly delegationCount: number | null;
  readonly renewRestriction: RenewRestriction | null;
  readonly delegates: readonly Delegate[];
  readonly audienceRestrictions: readonly (readonly string[])[];
  readonly oneTimeUse: boolean;
  readonly unknownConditions: readonly UnknownElement[];
}

export function readConditions(assertion: XmlElement): ConditionsReading {
  const conditions = onlyChild(assertion, "Conditions");
  const proxies: XmlElement[] = [];
  const renewals: XmlElement[] = [];
  const delegations: XmlElement[] = [];
  const audienceRestrictions: string[][] = [];
  const unknown: UnknownElement[] = [];
  let oneTimeUse = false;
  for (const element of conditions.children) {
    if (isSaml(element, "ProxyRestriction")) {
      proxies.push(element);
      // An audience for those who are to be told of the subject is nothing that vCenter writes.
      if (element.children.length > 0) unknown.push(unknownElement(element));
    } else if (isSaml(element, "AudienceRestriction")) {
      audienceRestrictions.push(children(element, SAML2_NAMESPACE, "Audience").map((a) => a.text.trim()));
    } else if (isSaml(element, "OneTimeUse")) {
      oneTimeUse = true;
    } else if (isSaml(element, "Condition") && isType(element, RSA_SAML_NAMESPACE, "RenewRestrictionType")) {
      renewals.push(element);
    } else if (
      isSaml(element, "Condition") &&
      isType(element, SAML2_DELEGATION_NAMESPACE, "DelegationRestrictionType")
    ) {
      delegations.push(element);
    } else {
      unknown.push(unknownElement(element));
    }
  }
  const [proxy] = atMostOne(proxies, "ProxyRestriction");
  const [renewal] = atMostOne(renewals, "renewal restriction");
  const [delegation] = atMostOne(delegations, "delegation restriction");
  return {
    notBefore: requiredInstant(conditions, "NotBefore"),
    notOnOrAfter: requiredInstant(conditions, "NotOnOrAfter"),
    delegationCount: proxy ? optionalCount(proxy, "Count") : null,
    renewRestriction: renewal
      ? {
          count: optionalCount(renewal, "Count"),
          postdatable: booleanAttribute(renewal, "Postdatable"),
          renewExpired: booleanAttribute(renewal, "RenewExpired"),
        }
      : null,
    delegates: delegation ? readDelegates(delegation) : [],
    audienceRestrictions,
    oneTimeUse,
    unknownConditions: unknown,
  };
}

function readDelegates(condition: XmlElement): Delegate[] {
  return children(condition, SAML2_DELEGATION_NAMESPACE, "Delegate").map((element) => {
    const nameId = onlyChild(element, "NameID");
    return {
      subject: nameOf(nameId, "a delegate's NameID"),
      format: optionalAttribute(nameId, "Format"),
      instant: optionalInstant(element, "DelegationInstant"),
    };
  });
}

function atMostOne(elements: readonly XmlElement[], what: string): readonly XmlElement[] {
  if (elements.length > 1)
    throw malformed(`the assertion has ${elements.length} conditions of the kind ${what}`);
  return elements;
}
