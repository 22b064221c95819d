// What the command line's bundle takes for "undici": the one class that src/net uses, with the request API that
// the package's entry adds to it. The full entry would cost a third of the time of a short command.
import api from "undici/lib/api/index.js";
import Client from "undici/lib/dispatcher/client.js";
import Dispatcher from "undici/lib/dispatcher/dispatcher.js";

Object.assign(Dispatcher.prototype, api);

export { Client };
