import { type Call, checkPrivilege, type Operation } from "./call.ts";
import { managedObjectNotFound, methodNotFound } from "./fault.ts";
import { findObject } from "./objects.ts";
import type { Arguments, Parameter } from "./parameters.ts";
import { PROPERTY_OPERATIONS } from "./property-operations.ts";
import { SERVICE_OPERATIONS } from "./service-operations.ts";
import { SESSION_OPERATIONS } from "./session-operations.ts";
import type { VimValue } from "./value.ts";

const OPERATIONS: ReadonlyMap<string, Operation> = new Map(
  Object.entries({ ...SESSION_OPERATIONS, ...PROPERTY_OPERATIONS, ...SERVICE_OPERATIONS }),
);

/**
 * Makes a call. Who calls is looked at before what the call is about, so that strangers learn nothing of it.
 *
 * @param read reads the arguments by the rules of the operation.
 * @throws VimFault, SessionCapReached
 */
export function invoke(
  name: string,
  call: Call,
  read: (parameters: readonly Parameter[]) => Arguments,
): VimValue | undefined {
  const operation = OPERATIONS.get(name);
  const { receiver } = call;
  if (!operation || operation.privilege !== null) {
    checkPrivilege("System.View", receiver, call);
  }
  if (!operation || operation.receivers.length > 0) {
    const found = findObject(receiver, call);
    if (!found) throw managedObjectNotFound(receiver);
    if (!operation?.receivers.some((type) => found.types.includes(type))) {
      throw methodNotFound(receiver, name);
    }
  }
  checkPrivilege(operation.privilege, receiver, call);
  return operation.run(read(operation.parameters), call);
}
