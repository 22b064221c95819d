import { describe, expect, test } from "vitest";
import { ProtocolError, UnsupportedError } from "../../src/errors.ts";
import { isEsxi, readServiceContent, requireVCenter } from "../../src/session/service-content.ts";
import { parseXml } from "../../src/xml/reader.ts";

const read = (content: string) =>
  readServiceContent(parseXml(`<returnval xmlns="urn:vim25">${content}</returnval>`), "https://vc/sdk");

const ABOUT =
  "<about><fullName>VMware ESXi 8.0.3</fullName><apiType>HostAgent</apiType><apiVersion>8.0.3.0</apiVersion></about>";
const OBJECTS =
  '<sessionManager type="SessionManager">ha-sessionmgr</sessionManager><propertyCollector type="PropertyCollector">ha-property-collector</propertyCollector>';

describe("the service content", () => {
  test("holds about and every object by its name", () => {
    const content = read(`${ABOUT}${OBJECTS}<rootFolder type="Folder">ha-folder-root</rootFolder>`);
    expect(content.about).toMatchObject({ apiType: "HostAgent", apiVersion: "8.0.3.0" });
    expect(content.sessionManager).toEqual({ type: "SessionManager", value: "ha-sessionmgr" });
    expect(content.references).toEqual({
      sessionManager: { type: "SessionManager", value: "ha-sessionmgr" },
      propertyCollector: { type: "PropertyCollector", value: "ha-property-collector" },
      rootFolder: { type: "Folder", value: "ha-folder-root" },
    });
  });

  test.each([
    ["without about", OBJECTS],
    ["without a SessionManager", ABOUT],
    ["with a SessionManager that refers to nothing", `${ABOUT}${OBJECTS.replace("ha-sessionmgr", "")}`],
    ["with a SessionManager of no type", `${ABOUT}${OBJECTS.replace('type="SessionManager"', "")}`],
    ["with nothing", ""],
  ])("%s is no answer", (_what, content) => {
    expect(() => read(content)).toThrow(ProtocolError);
    expect(() => readServiceContent(undefined, "https://vc/sdk")).toThrow(ProtocolError);
  });

  test("cannot reach the prototype of what holds it", () => {
    const content = read(`${ABOUT}${OBJECTS}<__proto__ type="Folder">polluted</__proto__>`);
    expect(Object.getPrototypeOf(content.references)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).type).toBeUndefined();
    expect(() => read(`${ABOUT}<toString type="x">y</toString>`)).toThrow(/sessionManager/);
  });
});

describe("where only a vCenter will do", () => {
  test("an ESXi host is refused, and the door that works is named", () => {
    const { about } = read(`${ABOUT}${OBJECTS}`);
    expect(isEsxi(about)).toBe(true);
    expect(() => requireVCenter(about, "vapi-rest", "esx01:443")).toThrow(UnsupportedError);
    const wanted = { worksAt: "vim-soap", hint: expect.stringContaining("VIM SOAP") };
    expect(() => requireVCenter(about, "vim-json", "esx01:443")).toThrow(expect.objectContaining(wanted));
    expect(() => requireVCenter(about, "SessionIsActive", "esx01:443")).toThrow(/esx01:443.*SessionIsActive/);
  });

  test("a vCenter passes", () => {
    const { about } = read(`${ABOUT.replace("HostAgent", "VirtualCenter")}${OBJECTS}`);
    expect(isEsxi(about)).toBe(false);
    requireVCenter(about, "vapi-rest", "vc01:443");
  });
});
