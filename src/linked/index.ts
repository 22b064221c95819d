/**
 * Linked groups of vCenters, and fleets of several groups: one token, every node.
 *
 * @module
 */

export { Fleet } from "./fleet.ts";
export { LinkedGroup } from "./group.ts";
export type { GroupNode, NodeConnectOptions } from "./group-node.ts";
export type { GroupRun } from "./group-run.ts";
export type { NodeContext, NodeSet, NodeWork } from "./node-set.ts";
export type {
  FleetMember,
  FleetOptions,
  GroupLogin,
  GroupTransport,
  LinkedGroupOptions,
  NodeLimits,
  RunOptions,
  SharedOptions,
} from "./options.ts";
export { type NodeResult, type NodeResultJson, nodeResultJson, nodeResultsJson } from "./result.ts";
