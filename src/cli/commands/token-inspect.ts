import { type AssertionInfo, inspectAssertion, type UnknownElement } from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { readTokenInput } from "../input.ts";
import { formatJson } from "../output/json.ts";
import { printable } from "../output/text.ts";
import { UsageError } from "../usage.ts";

export const inspect: Command = {
  async run(context) {
    const { flags, out } = context;
    const info = inspectAssertion(await readTokenInput(context, pathOf(context)));
    out(flags.output === "json" ? formatJson(jsonOf(info)) : tableOf(info));
    return EXIT.done;
  },
};

function pathOf({ flags, positionals, stdin }: CommandContext): string {
  const path = positionals[0] ?? flags.token;
  if (path !== undefined) return path;
  if ((stdin() as Partial<NodeJS.ReadStream>).isTTY) {
    throw new UsageError("no token is given", "name a file, or pipe the token in");
  }
  return "-";
}

/** Everything, with the fields of `token issue -o json` first; the token itself is not repeated. */
function jsonOf(info: AssertionInfo): object {
  return {
    kind: info.kind,
    subject: info.subject,
    issuer: info.issuer,
    issuedAt: info.issuedAt,
    notBefore: info.notBefore,
    notOnOrAfter: info.notOnOrAfter,
    renewable: info.renewable,
    delegatable: info.delegatable,
    renewCount: info.renewCount,
    delegationCount: info.delegationCount,
    id: info.id,
    issuerFormat: info.issuerFormat,
    subjectFormat: info.subjectFormat,
    confirmation: info.confirmation,
    otherConfirmations: info.otherConfirmations,
    renewRestriction: info.renewRestriction,
    delegates: info.delegates,
    audiences: info.audiences,
    audienceRestrictions: info.audienceRestrictions,
    oneTimeUse: info.oneTimeUse,
    unknownConditions: info.unknownConditions,
    groups: info.groups,
    isSolution: info.isSolution,
    attributes: info.attributes,
    advice: info.advice,
    unknownAdvice: info.unknownAdvice,
    authentication: info.authentication,
    unknownStatements: info.unknownStatements,
    signature: info.signature,
    certificates: info.certificates,
    unreadableCertificates: info.unreadableCertificates,
    bytes: info.bytes,
  };
}

type Row = readonly [label: string, value: string];

function tableOf(info: AssertionInfo): string {
  const rows: Row[] = [
    ["kind", info.kind],
    ["subject", `${info.subject}${inBrackets(info.subjectFormat)}`],
    ["issuer", `${info.issuer}${inBrackets(info.issuerFormat)}`],
    ["id", info.id],
    ["issued", time(info.issuedAt)],
    ["valid", `${time(info.notBefore)} to ${time(info.notOnOrAfter)}${inBrackets(state(info))}`],
    ["renewable", countOf(info.renewable, info.renewCount)],
    ["delegatable", countOf(info.delegatable, info.delegationCount)],
    ...[info.confirmation, ...info.otherConfirmations].flatMap(confirmationRows),
    ...info.delegates.map(
      ({ subject, instant }): Row => ["delegate", `${subject}${inBrackets(time(instant))}`],
    ),
    ...(info.audiences.length === 0
      ? [["audience", "any"] satisfies Row]
      : info.audienceRestrictions.map((uris): Row => ["audience", uris.join(" or ")])),
    ...(info.oneTimeUse ? [["one-time use", "yes"] satisfies Row] : []),
    ...info.unknownConditions.map((element): Row => ["unknown condition", elementText(element)]),
    ["solution user", info.isSolution === null ? "not said" : info.isSolution ? "yes" : "no"],
    ...info.groups.map((group): Row => ["group", group]),
    ...info.attributes.map(
      ({ name, friendlyName, values }): Row => [
        "attribute",
        `${friendlyName ?? name} = ${values.join(", ")}${friendlyName === null ? "" : inBrackets(name)}`,
      ],
    ),
    ...info.advice.flatMap(({ source, attributes }) =>
      attributes.map(
        ({ name, values }): Row => ["advice", `${name} = ${values.join(", ")}${inBrackets(source)}`],
      ),
    ),
    ...info.unknownAdvice.map((element): Row => ["unknown advice", elementText(element)]),
    ...info.authentication.map(
      ({ instant, context }): Row => [
        "authenticated",
        `${time(instant)} by ${context ?? "a method that is not said"}`,
      ],
    ),
    ...info.unknownStatements.map((element): Row => ["unknown statement", elementText(element)]),
    ...signatureRows(info),
    ["size", `${info.bytes} bytes`],
  ];
  const width = Math.max(...rows.map(([label]) => label.length)) + 2;
  // A label is written once for values that follow each other.
  const lines = rows.map(([label, value], index) => {
    const repeated = rows[index - 1]?.[0] === label;
    return printable(`${(repeated ? "" : label).padEnd(width)}${value}`);
  });
  return `${[...lines, "", "This is what the token says of itself; vsso token verify checks it."].join("\n")}\n`;
}

function confirmationRows(confirmation: AssertionInfo["confirmation"]): Row[] {
  const { method, notBefore, notOnOrAfter, recipient, inResponseTo, nameId, certificate } = confirmation;
  const details: (readonly [string, string | null])[] = [
    ["from", notBefore && time(notBefore)],
    ["until", notOnOrAfter && time(notOnOrAfter)],
    ["recipient", recipient],
    ["in response to", inResponseTo],
    ["by", nameId],
  ];
  const said = details.flatMap(([name, value]) => (value === null ? [] : [`${name} ${value}`]));
  return [
    ["confirmation", [method, ...said].join(", ")],
    ...(certificate ? [["holder", certificateText(certificate)] satisfies Row] : []),
  ];
}

function signatureRows({ signature, certificates, unreadableCertificates }: AssertionInfo): Row[] {
  if (!signature) return [["signature", "none"]];
  const { signatureAlgorithm, digestAlgorithm, canonicalizationAlgorithm } = signature;
  return [
    ["signature", [signatureAlgorithm, digestAlgorithm, canonicalizationAlgorithm].join(", ")],
    ...certificates.map((certificate): Row => ["certificate", certificateText(certificate)]),
    ...(unreadableCertificates > 0
      ? [["certificate", `${unreadableCertificates} that cannot be read`] satisfies Row]
      : []),
  ];
}

function certificateText({
  subject,
  sha256,
  notBefore,
  notAfter,
}: AssertionInfo["certificates"][number]): string {
  return `${subject || "(no subject)"}, SHA-256 ${sha256}, valid ${notBefore} to ${notAfter}`;
}

function elementText({ namespace, name, type, attributes, text, children }: UnknownElement): string {
  const said = attributes.map((attribute) => `${attribute.name}=${attribute.value}`);
  const inner = children.map((child) => `(${elementText(child)})`);
  return [`{${namespace}}${name}`, ...(type === null ? [] : [`type ${type}`]), ...said, text, ...inner]
    .filter((part) => part !== "")
    .join(" ");
}

function state({ notBefore, notOnOrAfter }: AssertionInfo): string {
  const now = Date.now();
  if (now < notBefore.getTime()) return "not yet valid";
  const left = Math.floor((notOnOrAfter.getTime() - now) / 1000);
  return left <= 0 ? "expired" : `${left} s left`;
}

function countOf(possible: boolean, count: number | null): string {
  if (!possible) return "no";
  return count === null ? "yes" : `yes, ${count} left`;
}

function time(instant: Date | null): string {
  return instant?.toISOString() ?? "at a time that is not said";
}

function inBrackets(text: string | null): string {
  return text === null ? "" : ` (${text})`;
}
