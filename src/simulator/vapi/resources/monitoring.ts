import { invalidArgument, notFound } from "../fault.ts";
import { type Input, type Invocation, type Operation, textField, textsField } from "../operation.ts";
import type { RpcType } from "../rpc-value.ts";

const BOTH = ["vcenter", "appliance"] as const;
const STATISTICS: readonly (readonly [id: string, units: string, category: string])[] = [
  ["cpu.util", "%", "cpu"],
  ["mem.util", "%", "memory"],
  ["swap.util", "%", "memory"],
  ["net.rx.activity.eth0", "KB per sample", "network"],
];
const INTERVALS: ReadonlyMap<string, number> = new Map([
  ["MINUTES5", 300_000],
  ["MINUTES30", 1_800_000],
  ["HOURS2", 7_200_000],
  ["HOURS6", 21_600_000],
  ["DAY1", 86_400_000],
]);
const FUNCTIONS: readonly string[] = ["COUNT", "MAX", "AVG", "MIN"];
const MAX_POINTS = 10_000;
const MONITORED_ITEM: RpcType = {
  structure: "com.vmware.appliance.monitoring.monitored_item",
  fields: {
    id: "plain",
    name: "plain",
    units: "plain",
    category: "plain",
    instance: "plain",
    description: "plain",
  },
};

function statistic([id, units, category]: (typeof STATISTICS)[number]): object {
  return { id, name: id, units, category, instance: "", description: id };
}

/** One row for each name; a point that was not measured is an empty text, and that is the last one always. */
function query({ input }: Invocation): object[] {
  const names = textsField(input, "names") ?? [];
  const [interval, fn] = [textField(input, "interval"), textField(input, "function")];
  const step = INTERVALS.get(interval);
  if (step === undefined)
    throw invalidArgument(`The interval is none of ${[...INTERVALS.keys()].join(", ")}.`);
  if (!FUNCTIONS.includes(fn)) throw invalidArgument(`The function is none of ${FUNCTIONS.join(", ")}.`);
  const [start, end] = [timeField(input, "start_time"), timeField(input, "end_time")];
  const points = Math.ceil((end - start) / step);
  if (points < 1 || points > MAX_POINTS)
    throw invalidArgument("The end is not after the start, or too long after it.");
  return names.map((name) => {
    if (!STATISTICS.some(([id]) => id === name)) throw notFound("statistic", name);
    return {
      name,
      interval,
      function: fn,
      start_time: new Date(start).toISOString(),
      end_time: new Date(end).toISOString(),
      data: Array.from({ length: points }, (_, i) => (i === points - 1 ? "" : (i % 7).toFixed(2))),
    };
  });
}

function timeField(input: Input, name: string): number {
  const time = Date.parse(textField(input, name));
  if (Number.isNaN(time)) throw invalidArgument(`${name} is no time.`);
  return time;
}

export const MONITORING_OPERATIONS: readonly Operation[] = [
  {
    service: "com.vmware.appliance.monitoring",
    operation: "list",
    rest: ["GET /api/appliance/monitoring", "GET /rest/appliance/monitoring"],
    rpc: { list: MONITORED_ITEM },
    doors: BOTH,
    run: () => STATISTICS.map(statistic),
  },
  {
    service: "com.vmware.appliance.monitoring",
    operation: "query",
    rest: ["GET /api/appliance/monitoring/query", "GET /rest/appliance/monitoring/query"],
    rpc: {
      list: {
        structure: "com.vmware.appliance.monitoring.monitored_item_data",
        fields: {
          name: "plain",
          interval: "plain",
          function: "plain",
          start_time: "plain",
          end_time: "plain",
          data: { list: "plain" },
        },
      },
    },
    doors: BOTH,
    parameter: "item",
    fields: {
      names: "list of strings",
      interval: "string",
      function: "string",
      start_time: "string",
      end_time: "string",
    },
    run: query,
  },
  {
    service: "com.vmware.appliance.monitoring",
    operation: "get",
    rest: ["GET /api/appliance/monitoring/{stat_id}", "GET /rest/appliance/monitoring/{stat_id}"],
    rpc: MONITORED_ITEM,
    doors: BOTH,
    fields: { stat_id: "string" },
    run: ({ input }) => {
      const id = textField(input, "stat_id");
      const found = STATISTICS.find((each) => each[0] === id);
      if (!found) throw notFound("statistic", id);
      return statistic(found);
    },
  },
];
