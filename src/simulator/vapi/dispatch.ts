import type { SessionUser } from "../sessions/user.ts";
import { unauthenticated, type VapiCaller } from "./authenticate.ts";
import type { VapiDoor } from "./door.ts";
import { invalidArgument, operationNotFound, permissionDenied, unexpectedInput } from "./fault.ts";
import { isList, isObject, type Json, JsonNumber } from "./json.ts";
import type { FieldType, Input, Operation } from "./operation.ts";

const NOBODY: SessionUser = {
  upn: "",
  userName: "",
  fullName: "",
  administrator: false,
  solution: false,
};

export interface Call {
  readonly operation: Operation;
  readonly door: VapiDoor;
  readonly caller: VapiCaller | undefined;
  /** Reads the input, which is done for those alone who may call. */
  readonly input: () => Input;
  /** Whether the caller asked for a task. */
  readonly asTask: boolean;
  /** Whether the call only reads, which everybody with a session may. */
  readonly reads: boolean;
}

/**
 * Runs an operation for its caller.
 *
 * @throws VapiFault
 */
export function dispatch({ operation, door, caller, input: readInput, asTask, reads }: Call): unknown {
  const access = accessOf(operation, reads, door);
  if (access !== "anybody" && !caller) throw unauthenticated(door);
  if (access === "administrators" && !caller?.user.administrator) throw permissionDenied();
  if (asTask ? operation.task === undefined : operation.task === "only") {
    throw operationNotFound(
      `The operation ${operation.operation}${asTask ? "$task" : ""} of ${operation.service} does not exist.`,
    );
  }
  const input = readInput();
  const { fields = {} } = operation;
  if (fields !== "any") checkFields(input, fields);
  return operation.run({ door, input, user: caller?.user ?? NOBODY });
}

function accessOf(
  { access, service }: Operation,
  reads: boolean,
  { view }: VapiDoor,
): "anybody" | "users" | "administrators" {
  const { providersAreAnonymous = true, helloNeedsSession = false } = view.behaviours;
  if (service === "com.vmware.vcenter.identity.providers" && reads) {
    return providersAreAnonymous ? "anybody" : "administrators";
  }
  if (service === "com.vmware.vcenter.system") return helloNeedsSession ? "users" : "anybody";
  return access ?? (reads ? "users" : "administrators");
}

/** Undefined for a field that there is not. */
export function fieldType(fields: Readonly<Record<string, FieldType>>, name: string): FieldType | undefined {
  const key = [name, `${name}?`].find((each) => Object.hasOwn(fields, each));
  return key === undefined ? undefined : fields[key];
}

function checkFields(input: Input, fields: Readonly<Record<string, FieldType>>): void {
  for (const name of input.keys()) {
    if (!fieldType(fields, name)) throw unexpectedInput(name);
  }
  for (const [key, type] of Object.entries(fields)) {
    const name = key.replace(/\?$/, "");
    const value = input.get(name);
    if (value === undefined || value === null) {
      if (name === key) throw invalidArgument(`The field ${name} is missing.`);
    } else if (!isOf(value, type)) {
      throw invalidArgument(`The field ${name} is not a ${type}.`);
    }
  }
}

function isOf(value: Json, type: FieldType): boolean {
  switch (type) {
    case "string":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return value instanceof JsonNumber && value.isInteger;
    case "structure":
      return isObject(value);
    case "list of strings":
      return isList(value) && value.every((item) => isOf(item, "string"));
    case "list of structures":
      return isList(value) && value.every((item) => isOf(item, "structure"));
  }
}
