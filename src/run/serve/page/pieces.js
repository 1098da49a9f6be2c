// Pieces of a text that grows: each is short enough to be drawn at once, and is cut where Markdown allows it.

/** Length of a piece from which it is cut behind a paragraph, behind a line, and anywhere. */
const PARAGRAPH = 2000;
const LINE = 8000;
const ANYWHERE = 16000;

/** Line that opens or closes a block of code, and the mark that it is made of. */
const FENCE = /^ {0,3}(`{3,}|~{3,})([^`]*)$/;

/** Text of one block as pieces. `fence` of a piece is the line that opens the block of code in which it begins. */
export class Pieces {
  all = [];
  length = 0;
  /** Last line so far, which has no end yet. */
  #line = "";
  #fence = "";
  /** Places in the last piece behind a paragraph and behind a line. */
  #cuts = { paragraph: 0, line: 0 };

  /** Adds a text; gives the pieces that are changed. */
  add(text) {
    this.length += text.length;
    const from = Math.max(0, this.all.length - 1);
    if (!this.all.length) this.#begin("");
    for (let begin = 0; begin < text.length;) {
      const feed = text.indexOf("\n", begin);
      // A long line is taken bit by bit.
      const end = Math.min(feed < 0 ? text.length : feed + 1, begin + ANYWHERE);
      this.#take(text.slice(begin, end));
      begin = end;
    }
    return this.all.slice(from);
  }

  #begin(text) {
    this.all.push({ text, fence: this.#fence });
    this.#cuts = { paragraph: 0, line: 0 };
  }

  #take(part) {
    const last = this.all.at(-1);
    last.text += part;
    // The beginning of a line tells whether it is a fence.
    if (this.#line.length < 200) this.#line += part;
    if (part.endsWith("\n")) this.#endLine(last);
    const length = last.text.length;
    if (length > PARAGRAPH && this.#cuts.paragraph) this.#cut(last, this.#cuts.paragraph);
    else if (length > LINE && this.#cuts.line) this.#cut(last, this.#cuts.line);
    else if (length > ANYWHERE) this.#cut(last, length - (/[\ud800-\udbff]$/.test(last.text) ? 1 : 0));
  }

  #endLine(last) {
    const line = this.#line.trimEnd();
    this.#line = "";
    const fence = FENCE.exec(line);
    if (fence && !this.#fence) this.#fence = line.trim();
    else if (
      fence &&
      !fence[2].trim() &&
      fence[1][0] === this.#fence[0] &&
      fence[1].length >= FENCE.exec(this.#fence)[1].length
    ) {
      this.#fence = "";
    }
    // An indented line may go on with a list, and needs what stands before it.
    if (!this.#fence && line === "" && last.text.length > PARAGRAPH) this.#cuts.paragraph = last.text.length;
    this.#cuts.line = last.text.length;
  }

  #cut(last, place) {
    const rest = last.text.slice(place);
    last.text = last.text.slice(0, place);
    this.#begin(rest);
  }
}
