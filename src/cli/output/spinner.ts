const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** Shows on a terminal that work is under way; anywhere else it does nothing. */
export async function withSpinner<T>(
  stream: { readonly isTTY?: boolean | undefined; write(text: string): unknown },
  label: string,
  work: () => Promise<T>,
): Promise<T> {
  if (!stream.isTTY) return work();
  let frame = 0;
  const timer = setInterval(() => stream.write(`\r${FRAMES[frame++ % FRAMES.length]} ${label}`), 100);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    if (frame > 0) stream.write("\r\u001b[K");
  }
}
