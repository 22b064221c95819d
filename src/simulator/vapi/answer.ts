import type { HttpAnswer, HttpRequest } from "../router.ts";
import type { VapiDoor } from "./door.ts";
import { answerRpc } from "./json-rpc.ts";
import { answerRest } from "./rest.ts";

/** Whether vAPI answers for a path: JSON-RPC at `/api` itself, REST below it and below `/rest`. */
export function isVapiPath(path: string): boolean {
  return path === "/api" || path.startsWith("/api/") || path.startsWith("/rest/");
}

/** Answers one request to vAPI. */
export function answerVapi(request: HttpRequest, door: VapiDoor): HttpAnswer {
  return request.path === "/api" ? answerRpc(request, door) : answerRest(request, door);
}
