/**
 * Lays rows out in columns under a heading. With `width`, the widest columns are cut with an ellipsis until a row
 * fits; without it nothing is cut.
 */
export function formatTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  width?: number,
): string {
  const table = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  const gap = 2;
  if (width !== undefined) {
    let excess = widths.reduce((sum, w) => sum + w + gap, -gap) - width;
    while (excess > 0) {
      const widest = widths.indexOf(Math.max(...widths));
      const current = widths[widest] ?? 0;
      if (current <= 8) break;
      const rival = Math.max(8, ...widths.filter((_, column) => column !== widest));
      const cut = Math.min(excess, Math.max(1, current - rival));
      widths[widest] = current - cut;
      excess -= cut;
    }
  }
  return table
    .map((row) =>
      row
        .map((cell, column) => {
          const limit = widths[column] ?? 0;
          const text = cell.length > limit ? `${cell.slice(0, limit - 1)}…` : cell;
          return text.padEnd(limit);
        })
        .join(" ".repeat(gap))
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}
