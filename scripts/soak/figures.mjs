// What a scenario found: printed line by line, with the bounds it has to keep.

/** Collects figures and broken bounds. */
export class Figures {
  broken = 0;

  title(text) {
    console.log(`\n${text}`);
  }

  /** A figure that has no bound. */
  note(name, value) {
    console.log(`  ${`${name}:`.padEnd(50)} ${value}`);
  }

  /** A figure with the words of its bound, and whether it keeps it. */
  bound(name, value, words, kept) {
    if (!kept) this.broken++;
    console.log(`  ${`${name}:`.padEnd(50)} ${value} (${words})${kept ? "" : "  BROKEN"}`);
  }

  equal(name, value, wanted) {
    this.bound(name, value, `has to be ${wanted}`, value === wanted);
  }

  atMost(name, value, most) {
    this.bound(name, value, `at most ${most}`, value <= most);
  }
}

/** Calls `work` for each item, `width` at a time; results in the order of the items. */
export async function inParallel(items, width, work) {
  const results = new Array(items.length);
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  return results;
}
