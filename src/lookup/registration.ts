import type { LookupServiceRegistrationInfo } from "./wsdl-tables.ts";

/** A registration with what was wrong with it on the wire. */
export interface ServiceRegistration extends LookupServiceRegistrationInfo {
  /** Fields that were missing or could not be read; empty for a sound registration. */
  readonly issues: readonly string[];
}

/**
 * What tells two registrations apart. The service ID alone does not: an alias (`sso:sts`) can bear that of the
 * registration it stands for, and a broken registration has none.
 */
export function registrationKey(registration: ServiceRegistration): string {
  const { serviceId, serviceType, nodeId } = registration;
  if (serviceId === "") return JSON.stringify(registration);
  return JSON.stringify([serviceId, serviceType.product, serviceType.type, nodeId ?? null]).toLowerCase();
}

/** All registrations of several views of one group, each once; where views differ, the first counts. */
export function uniteRegistrations(
  views: readonly (readonly ServiceRegistration[])[],
): readonly ServiceRegistration[] {
  const [first = [], ...others] = views;
  const known = new Set(first.map(registrationKey));
  const united = [...first];
  for (const view of others) {
    const fresh = view.filter((registration) => !known.has(registrationKey(registration)));
    for (const registration of fresh) known.add(registrationKey(registration));
    united.push(...fresh);
  }
  return united;
}

/** Puts views together that are of one group: they name a common node, or have a registration in common. */
export function groupViews<View extends { readonly registrations: readonly ServiceRegistration[] }>(
  views: readonly View[],
): View[][] {
  const groups: { ids: Set<string>; views: View[] }[] = [];
  for (const view of views) {
    const ids = new Set(
      view.registrations
        .flatMap((r) => [r.nodeId, r.serviceId])
        .filter(Boolean)
        .map(lowerCase),
    );
    const [first, ...others] = groups.filter((group) => [...group.ids].some((id) => ids.has(id)));
    const group = first ?? { ids: new Set<string>(), views: [] };
    if (!first) groups.push(group);
    // A view can show that two groups are one.
    for (const other of others) {
      groups.splice(groups.indexOf(other), 1);
      group.views.push(...other.views);
      for (const id of other.ids) group.ids.add(id);
    }
    group.views.push(view);
    for (const id of ids) group.ids.add(id);
  }
  return groups.map((group) => group.views);
}

function lowerCase(text: string | undefined): string {
  return (text ?? "").toLowerCase();
}
