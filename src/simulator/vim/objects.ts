import type { Inventory } from "../inventory.ts";
import type { SimulatedSession } from "../sessions/table.ts";
import type { NodeView } from "../view.ts";
import type { MoRef } from "../vmomi.ts";
import { serviceContent, serviceObjects } from "./content.ts";
import { entities } from "./entities.ts";
import { type ManagedObject, managed, type Properties, type Property } from "./managed-object.ts";
import type { ViewObject } from "./state.ts";
import { LOCALES, userSession } from "./user-session.ts";
import { flag, list, object, refer, references, text, texts, time } from "./value.ts";

/** Who looks, and where: views and filters are seen by the session that made them alone. */
export interface Looker {
  readonly view: NodeView;
  readonly session: SimulatedSession | undefined;
}

/** The object of a reference, or undefined where there is none of that type and ID. */
export function findObject(ref: MoRef, looker: Looker): ManagedObject | undefined {
  const found = lookUp(ref.value, looker);
  return found?.types.includes(ref.type) ? found : undefined;
}

function lookUp(id: string, looker: Looker): ManagedObject | undefined {
  const { view, session } = looker;
  if (id === "ServiceInstance") return serviceInstance(view);
  const service = serviceObjects(view.group.release).find(({ value }) => value === id);
  if (service) {
    const properties = service.type === "SessionManager" ? sessionManager(looker) : {};
    return managed(service, [], properties);
  }
  const entity = entities(view.inventory).get(id);
  if (entity) return entity;
  const own = view.vim.find(id, session);
  if (!own) return undefined;
  return own.kind === "view" ? shown(own, view.inventory) : managed(own.ref, [], {});
}

function serviceInstance(view: NodeView): ManagedObject {
  return managed({ type: "ServiceInstance", value: "ServiceInstance" }, [], {
    serverClock: { privilege: "System.View", read: () => time(view.now) },
    capability: {
      privilege: null,
      read: () =>
        object("Capability", [
          ["provisioningSupported", flag(true)],
          ["multiHostSupported", flag(true)],
          ["userShellAccessSupported", flag(false)],
        ]),
    },
    content: { privilege: null, read: () => serviceContent(view) },
  });
}

function sessionManager({ view, session }: Looker): Properties {
  return {
    sessionList: {
      privilege: "Sessions.TerminateSession",
      read: () => list("UserSession", view.sessions.list("vim", view.now).map(userSession)),
    },
    currentSession: { privilege: null, read: () => session && userSession(session) },
    message: { privilege: "System.View", read: () => text(view.vim.message) },
    messageLocaleList: { privilege: null, read: () => texts(LOCALES) },
    supportedLocaleList: { privilege: null, read: () => texts(LOCALES) },
    defaultLocale: { privilege: null, read: () => text("en") },
  };
}

function shown(made: ViewObject, inventory: Inventory): ManagedObject {
  const { container, types, recursive } = made;
  const view: Property = { privilege: "System.View", read: () => references(membersOf(made, inventory)) };
  if (!container) return managed(made.ref, ["ManagedObjectView", "View"], { view });
  return managed(made.ref, ["ManagedObjectView", "View"], {
    view,
    container: { privilege: "System.View", read: () => refer(container) },
    type: { privilege: "System.View", read: () => texts(types) },
    recursive: { privilege: "System.View", read: () => flag(recursive) },
  });
}

/** What a view shows now: a container view follows the inventory. */
function membersOf(
  { container, types, recursive, members }: ViewObject,
  inventory: Inventory,
): readonly MoRef[] {
  if (!container) return members;
  const all = [...entities(inventory).values()];
  const children = (id: string): ManagedObject[] =>
    all.filter((each) => {
      const parent = each.properties.get("parent")?.read();
      return parent?.kind === "reference" && parent.value.value === id;
    });
  const below = (id: string): ManagedObject[] =>
    children(id).flatMap((each) => [each, ...(recursive ? below(each.ref.value) : [])]);
  return below(container.value)
    .filter((each) => types.length === 0 || types.some((type) => each.types.includes(type)))
    .map(({ ref }) => ref);
}
