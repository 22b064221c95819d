const FORMAT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$/;

/** Milliseconds of the one format the service reads: UTC, with milliseconds or without. */
export function parseTime(text: string): number | undefined {
  if (!FORMAT.test(text)) return undefined;
  const time = Date.parse(text);
  // A day that the month does not have would roll over into the next.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text.slice(0, 19)) ? time : undefined;
}

export function formatTime(time: number): string {
  return new Date(time).toISOString();
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** As Java prints a date, which is how times stand in the texts of faults: `Sat Nov 21 09:05:07 UTC 2026`. */
export function javaDate(time: number): string {
  const date = new Date(time);
  const two = (value: number): string => String(value).padStart(2, "0");
  return (
    `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${two(date.getUTCDate())} ` +
    `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} UTC ` +
    date.getUTCFullYear()
  );
}

export function timePeriod(start: number, end: number): string {
  return `TimePeriod [startTime=${javaDate(start)}, endTime=${javaDate(end)}]`;
}
