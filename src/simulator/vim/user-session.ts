import type { SimulatedSession } from "../sessions/table.ts";
import { flag, long, type ObjectValue, object, text, time } from "./value.ts";

/** Locales that a session may have. */
export const LOCALES: readonly string[] = [
  "en",
  "en_US",
  "de",
  "de_DE",
  "es",
  "es_ES",
  "fr",
  "fr_FR",
  "it",
  "ja",
  "ja_JP",
  "ko",
  "ko_KR",
  "pt_BR",
  "zh_CN",
  "zh_TW",
];

/** A session as VIM shows it, by a key that cannot be used as its ID. */
export function userSession(session: SimulatedSession): ObjectValue {
  return object("UserSession", [
    ["key", text(session.key)],
    ["userName", text(session.user.userName)],
    ["fullName", text(session.user.fullName)],
    ["loginTime", time(session.createdAt)],
    ["lastActiveTime", time(session.lastActiveAt)],
    ["locale", text(session.locale)],
    ["messageLocale", text("en")],
    ["extensionSession", flag(session.extension)],
    ["ipAddress", text(session.ipAddress)],
    ["userAgent", text(session.userAgent)],
    ["callCount", long(session.callCount)],
  ]);
}
