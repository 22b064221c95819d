import type { ServerBehaviours } from "../sessions/behaviours.ts";
import type { SessionPolicy } from "../sessions/policy.ts";
import { SessionTable } from "../sessions/table.ts";
import { NonceWindow } from "./nonces.ts";
import { ApplianceSettings } from "./resources/appliance-settings.ts";
import { ContentLibrary } from "./resources/content-library.ts";
import { IdentityProviders } from "./resources/identity-providers.ts";
import { TaskTable } from "./tasks.ts";

/** What the vAPI services of one node remember. */
export class VapiState {
  readonly nonces: NonceWindow = new NonceWindow();
  readonly tasks: TaskTable = new TaskTable();
  readonly library: ContentLibrary = new ContentLibrary();
  readonly providers: IdentityProviders = new IdentityProviders();
  readonly appliance: ApplianceSettings = new ApplianceSettings();
  /** Of the management service on its own port: those of the vCenter mean nothing there. */
  readonly applianceSessions: SessionTable;

  constructor(policy: SessionPolicy, behaviours: ServerBehaviours) {
    this.applianceSessions = new SessionTable(policy, false, behaviours);
  }
}
