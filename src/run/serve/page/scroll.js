// List of items of any length: of its groups of items only those near the window have elements.

import { h } from "./dom.js";

/** Items of a group. */
const GROUP = 40;

/** Height of an item that was never drawn, in pixels. */
const GUESS = 34;

/** Time after a wheel, touch or key in which the place moves by it, in milliseconds. */
const PERSON = 1000;

/** Distance from the window within which groups are drawn. */
const NEAR = "1200px 0px";

export class Scroll {
  #groups = new Map();
  #draw;
  /** Groups without elements that have new items, and items and groups that are to be drawn again. */
  #fresh = new Set();
  #dirty = new Set();
  /** Number of the last group. */
  #last = 0;
  #items = () => [];
  /** Place and height at the last look, and the time of the last wheel, touch or key. */
  #top = 0;
  #height = 0;
  #touched = -PERSON;
  #observer;
  /** True while the end stays in the window. */
  follows = true;

  /** `draw(item)` gives the element of an item. `onFollow` is called when `follows` or the end changes. */
  constructor(box, draw, onFollow) {
    this.box = box;
    this.#draw = draw;
    this.onFollow = onFollow;
    this.#observer = new IntersectionObserver((entries) => this.#onNear(entries), { root: box, rootMargin: NEAR });
    // Where the window gets smaller, the end stays in it.
    new ResizeObserver(() => this.follows && this.toEnd()).observe(box);
    for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      box.addEventListener(name, () => (this.#touched = performance.now()), { passive: true });
    }
    box.addEventListener("scroll", () => this.#onScroll(), { passive: true });
  }

  /** Shows the items of a run from now on. */
  open(run) {
    this.#items = () => run;
    this.#clear();
    for (const item of run.items) this.#group(item.at);
    this.#schedule();
  }

  #clear() {
    for (const { element } of this.#groups.values()) {
      this.#observer.unobserve(element);
      element.remove();
    }
    this.#groups.clear();
    this.#dirty.clear();
    this.#fresh.clear();
    this.#last = 0;
    this.follows = true;
  }

  /** Draws everything again. */
  redrawAll() {
    for (const group of this.#groups.values()) if (group.isDrawn) this.#dirty.add(group);
    this.#schedule();
  }

  /** Takes an item that is new, changed or gone with those before it. */
  on(item, what) {
    if (what === "gone") {
      for (const [number, group] of this.#groups) {
        if ((number + 1) * GROUP > item.at + 1) continue;
        this.#observer.unobserve(group.element);
        group.element.remove();
        this.#groups.delete(number);
      }
      return;
    }
    if (item.at < this.#items().first) return;
    const group = this.#group(item.at);
    if (group.isDrawn) this.#dirty.add(item);
    this.#schedule();
  }

  #group(at) {
    const number = Math.floor(at / GROUP);
    let group = this.#groups.get(number);
    if (!group) {
      group = {
        number,
        element: h("div", { class: "group", "data-group": String(number) }),
        isDrawn: false,
        height: 0,
      };
      this.#groups.set(number, group);
      this.box.append(group.element);
      this.#observer.observe(group.element);
    }
    if (!group.isDrawn) this.#fresh.add(group);
    this.#last = Math.max(this.#last, number);
    return group;
  }

  #schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = undefined;
      this.#flush();
    });
  }

  /** Draws what has changed, at most once a frame. */
  #flush() {
    for (const group of this.#fresh) {
      // The end is in the window, whatever the observer will say.
      if (this.follows && group.number >= this.#last - 1) this.#drawGroup(group);
      else if (!group.isDrawn) group.element.style.height = (group.height || this.#of(group).length * GUESS) + "px";
    }
    this.#fresh.clear();
    for (const changed of this.#dirty) {
      if (changed.element) this.#drawGroup(changed);
      else this.#drawItem(changed);
    }
    this.#dirty.clear();
    if (this.follows) this.toEnd();
    this.onFollow();
  }

  #of(group) {
    const { items, first } = this.#items();
    const begin = group.number * GROUP - first;
    return items.slice(Math.max(0, begin), Math.max(0, begin + GROUP));
  }

  #drawGroup(group) {
    group.isDrawn = true;
    group.element.style.height = "";
    group.element.replaceChildren(...this.#of(group).map(this.#draw));
  }

  #drawItem(item) {
    const group = this.#groups.get(Math.floor(item.at / GROUP));
    if (!group?.isDrawn) return;
    const known = group.element.querySelector(`:scope > [data-at="${item.at}"]`);
    const fresh = this.#draw(item);
    if (!known) return void group.element.append(fresh);
    // The keyboard stays where it was.
    const tag = known.contains(document.activeElement) ? document.activeElement.tagName : "";
    known.replaceWith(fresh);
    if (tag) fresh.querySelector(tag)?.focus({ preventScroll: true });
  }

  #onNear(entries) {
    for (const { target, isIntersecting, boundingClientRect } of entries) {
      const group = this.#groups.get(Number(target.dataset.group));
      if (!group || isIntersecting === group.isDrawn) continue;
      if (isIntersecting) this.#drawGroup(group);
      else {
        group.isDrawn = false;
        group.height = boundingClientRect.height;
        group.element.style.height = group.height + "px";
        group.element.textContent = "";
      }
    }
    if (this.follows) this.toEnd();
  }

  #onScroll() {
    const { scrollTop, clientHeight, scrollHeight } = this.box;
    const isAtEnd = scrollTop + clientHeight >= scrollHeight - 60;
    // The place also moves where the heights of groups change: only a person who goes up leaves the end.
    const isPerson = scrollHeight === this.#height || performance.now() - this.#touched < PERSON;
    if (isAtEnd) this.follows = true;
    else if (scrollTop < this.#top - 1 && isPerson) this.follows = false;
    [this.#top, this.#height] = [scrollTop, scrollHeight];
    this.onFollow();
  }

  toEnd() {
    this.follows = true;
    this.box.scrollTop = this.box.scrollHeight;
    [this.#top, this.#height] = [this.box.scrollTop, this.box.scrollHeight];
  }
}
