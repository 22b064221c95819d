const ESCAPE = "\u001b";
/** The characters that begin a sequence in one, as 8-bit terminals send them. */
const C1_CONTROL = "\u009b";
const C1_SHIFT = "\u008f";
const BELL = "\u0007";

/**
 * Tells the characters of keys that have none (arrows, Home, F1) from those that were typed. What such a key sends
 * begins with an escape character (ECMA-48) and is dropped as a whole, also when it comes in pieces.
 */
export class EscapeSequences {
  #state: "none" | "escape" | "shift" | "start" | "control" | "linux" | "string" = "none";
  /** The escape character was the last of its piece: it may have been a key of its own. */
  #pieceEnded = false;

  /** To be told where a piece of input ends. */
  endPiece(): void {
    this.#pieceEnded = this.#state === "escape";
  }

  /** Whether the character belongs to such a key. Control characters other than escape never do. */
  take(character: string): boolean {
    const state = this.#state;
    const ownKey = this.#pieceEnded;
    this.#pieceEnded = false;
    if (character === ESCAPE) {
      this.#state = "escape";
      return true;
    }
    if (character < " ") {
      this.#state = "none";
      return state === "string" && character === BELL;
    }
    switch (state) {
      case "escape":
        return this.#afterEscape(character, ownKey);
      case "shift":
        // A modifier may come between.
        if (!/[0-9;]/.test(character)) this.#state = "none";
        return true;
      case "start":
      case "control":
        return this.#inControl(character);
      case "linux":
        this.#state = "none";
        return true;
      case "string":
        return true;
      default:
        return this.#begins(character);
    }
  }

  /** Behind an escape character in the same piece, a character was typed with Alt; in another one it is a key. */
  #afterEscape(character: string, ownKey: boolean): boolean {
    if (character === "[") this.#state = "start";
    else if (character === "O") this.#state = "shift";
    else if (!ownKey && /[PX\]^_]/.test(character)) this.#state = "string";
    else {
      this.#state = "none";
      return !ownKey;
    }
    return true;
  }

  #inControl(character: string): boolean {
    // F1 to F5 of the Linux console have a second bracket.
    if (character === "[" && this.#state === "start") this.#state = "linux";
    else this.#state = character >= "@" && character <= "~" ? "none" : "control";
    return true;
  }

  #begins(character: string): boolean {
    if (character === C1_CONTROL) this.#state = "start";
    else if (character === C1_SHIFT) this.#state = "shift";
    return character >= "\u0080" && character <= "\u009f";
  }
}
