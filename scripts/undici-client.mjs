// What the command line's bundle takes for "undici": the one class that src/net uses. The full entry would cost a
// third of the time of a short command.
import Client from "undici/lib/dispatcher/client.js";

export { Client };
