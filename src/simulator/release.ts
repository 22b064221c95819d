import { InvalidArgumentError } from "../errors.ts";

/** What a vCenter release says about itself. */
export interface Release {
  readonly version: string;
  readonly build: string;
  /** Newest version of `urn:vim25`. */
  readonly apiVersion: string;
  readonly licenseVersion: string;
  /** Whether a session made at vAPI is known to VIM, and the reverse: from 8.0.3 on. */
  readonly sharesSessions: boolean;
}

export const DEFAULT_RELEASE = "8.0.3";

const RELEASES: readonly Release[] = [
  {
    version: "7.0.3",
    build: "18700403",
    apiVersion: "7.0.3.0",
    licenseVersion: "7.0",
    sharesSessions: false,
  },
  {
    version: "8.0.1",
    build: "21560480",
    apiVersion: "8.0.1.0",
    licenseVersion: "8.0",
    sharesSessions: false,
  },
  {
    version: "8.0.2",
    build: "22385739",
    apiVersion: "8.0.2.0",
    licenseVersion: "8.0",
    sharesSessions: false,
  },
  { version: "8.0.3", build: "24022515", apiVersion: "8.0.3.0", licenseVersion: "8.0", sharesSessions: true },
  { version: "9.0.0", build: "24755230", apiVersion: "9.0.0.0", licenseVersion: "9.0", sharesSessions: true },
];

/** Versions of `urn:vim25`, newest first; a release lists those up to its own. */
const VIM_VERSIONS: readonly string[] = [
  "9.0.0.0",
  "8.0.3.0",
  "8.0.2.0",
  "8.0.1.0",
  "8.0.0.1",
  "7.0.3.2",
  "7.0.3.1",
  "7.0.3.0",
  "7.0.2.0",
  "7.0.1.0",
  "7.0.0.0",
  "7.0",
  "6.9.1",
  "6.8.7",
  "6.7.3",
  "6.7.2",
  "6.7.1",
  "6.7",
  "6.5",
  "6.0",
  "5.5",
  "5.1",
  "5.0",
  "4.1",
  "4.0",
  "2.5u2",
  "2.5",
  "2.0",
];

/**
 * The release of that name; `9.0` means 9.0.0.
 *
 * @throws InvalidArgumentError for any other name.
 */
export function findRelease(name: string): Release {
  const version = name === "9.0" ? "9.0.0" : name;
  const release = RELEASES.find((r) => r.version === version);
  if (release) return release;
  throw new InvalidArgumentError(`the simulator has no release ${JSON.stringify(name)}`, {
    hint: `Use one of ${RELEASES.map((r) => r.version).join(", ")}.`,
  });
}

/** Versions of `urn:vim25` that a server of the release speaks, its own first. */
export function vimVersions(release: Release): readonly string[] {
  return VIM_VERSIONS.slice(VIM_VERSIONS.indexOf(release.apiVersion));
}
