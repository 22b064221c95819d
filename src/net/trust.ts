import type { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { InvalidArgumentError } from "../errors.ts";
import { type Authority, formatAuthority } from "./authority.ts";
import { type Fingerprint, matchesFingerprint, parseFingerprint } from "./fingerprint.ts";
import { KnownHosts } from "./known-hosts.ts";
import { isPem, parseCertificates } from "./x509.ts";

/**
 * Which certificates are trusted. Where several are given, the first of these that speaks for a server decides
 * alone: `pins`; an entry in `knownHosts`; `insecure`; `ca`; the authorities of the system and of Node.
 */
export interface TrustOptions {
  /**
   * Authorities, instead of those of the system: PEM text or DER bytes, or the path of a PEM file (any text
   * without a PEM block). An intermediate authority may stand alone.
   */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[];
  /**
   * Fingerprints of certificates, SHA-256 (SHA-1 is accepted with a warning); one of them must match. That of
   * the server's own certificate replaces all other checks; that of an authority counts when the server's
   * certificate verifies up to it and names the host. An authority that the server does not send along must be
   * among `ca` as well. Pins hold for every server: unlike an entry in `knownHosts`, the one of server A is
   * accepted from server B too.
   */
  readonly pins?: readonly string[];
  /** File in govc's format, or its content: a server with an entry must present that very certificate. */
  readonly knownHosts?: string | KnownHosts;
  /** Accepts any certificate. Anyone on the path can then read and change everything. Default false. */
  readonly insecure?: boolean;
}

/** What decides for one server. */
export type TrustPolicy =
  | {
      readonly kind: "pins";
      readonly pins: readonly Fingerprint[];
      readonly anchors: readonly X509Certificate[];
    }
  | { readonly kind: "known-host"; readonly fingerprint: Fingerprint; readonly file: string | undefined }
  | { readonly kind: "insecure" }
  | { readonly kind: "ca"; readonly anchors: readonly X509Certificate[] }
  | { readonly kind: "default" };

/** Trust options, checked; files are read when the first connection needs them. */
export class Trust {
  readonly #options: TrustOptions;
  readonly #pins: readonly Fingerprint[];
  readonly #warn: (message: string) => void;
  readonly #warned = new Set<string>();
  #anchors: Promise<readonly X509Certificate[]> | undefined;
  #knownHosts: Promise<KnownHosts> | undefined;

  /** @throws InvalidArgumentError for a pin that cannot be read, or a list of none. */
  constructor(options: TrustOptions = {}, onWarning: (message: string) => void = () => undefined) {
    this.#options = options;
    if (options.pins?.length === 0) {
      throw new InvalidArgumentError("The list of pins is empty", { hint: "Leave pins out to use none." });
    }
    this.#pins = (options.pins ?? []).map(parseFingerprint);
    this.#warn = onWarning;
    if (this.#pins.some((pin) => pin.algorithm === "sha1")) {
      this.#warnOnce("A pin is a SHA-1 fingerprint, which is no longer safe: replace it by the SHA-256 one");
    }
  }

  /** @throws InvalidArgumentError when a file given cannot be read or does not hold what it should. */
  async policyFor(authority: Authority): Promise<TrustPolicy> {
    if (this.#pins.length > 0) {
      const anchors = this.#options.ca === undefined ? [] : await this.#loadAnchors();
      return {
        kind: "pins",
        pins: this.#pins,
        anchors: anchors.filter((anchor) => this.#pins.some((pin) => matchesFingerprint(anchor, pin))),
      };
    }
    const known = await this.#knownHost(authority);
    if (known !== undefined) return known;
    if (this.#options.insecure) {
      this.#warnOnce(
        "TLS certificates are not verified (insecure): anyone on the path can read and change traffic",
      );
      return { kind: "insecure" };
    }
    if (this.#options.ca !== undefined) return { kind: "ca", anchors: await this.#loadAnchors() };
    return { kind: "default" };
  }

  async #knownHost(authority: Authority): Promise<TrustPolicy | undefined> {
    const { knownHosts } = this.#options;
    if (knownHosts === undefined) return undefined;
    this.#knownHosts ??= loadKnownHosts(knownHosts).catch((error: unknown) => {
      // The file may be there the next time.
      this.#knownHosts = undefined;
      throw error;
    });
    const hosts = await this.#knownHosts;
    const fingerprint = hosts.lookup(authority);
    if (fingerprint === undefined) return undefined;
    if (fingerprint.algorithm === "sha1") {
      const name = formatAuthority(authority);
      this.#warnOnce(`The known hosts hold a SHA-1 thumbprint for ${name}: replace it by the SHA-256 one`);
    }
    return { kind: "known-host", fingerprint, file: hosts.path };
  }

  #loadAnchors(): Promise<readonly X509Certificate[]> {
    this.#anchors ??= loadAnchors(this.#options.ca ?? []).catch((error: unknown) => {
      this.#anchors = undefined;
      throw error;
    });
    return this.#anchors;
  }

  #warnOnce(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#warn(message);
  }
}

async function loadKnownHosts(hosts: string | KnownHosts): Promise<KnownHosts> {
  return typeof hosts === "string" ? KnownHosts.load(hosts) : hosts;
}

async function loadAnchors(ca: NonNullable<TrustOptions["ca"]>): Promise<readonly X509Certificate[]> {
  const sources = typeof ca === "string" || ca instanceof Uint8Array ? [ca] : ca;
  if (sources.length === 0) {
    throw new InvalidArgumentError("The list of authorities (ca) is empty", {
      hint: "Leave ca out to trust the authorities of the system.",
    });
  }
  const loaded = await Promise.all(
    sources.map(async (source) => {
      if (typeof source !== "string" || isPem(source)) return parseCertificates(source, "ca");
      try {
        return parseCertificates(await readFile(source), source);
      } catch (cause) {
        if (cause instanceof InvalidArgumentError) throw cause;
        throw new InvalidArgumentError(`Cannot read the authorities (ca) from ${JSON.stringify(source)}`, {
          hint: "Give the path of a readable PEM file, or the PEM text itself.",
          cause,
        });
      }
    }),
  );
  return loaded.flat();
}
