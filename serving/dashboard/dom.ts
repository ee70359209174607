/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** Elements in one call: text is always text, never markup. */

type Child = Node | string | number | null | undefined | false;
type Props = Readonly<Record<string, string | number | boolean | null | undefined | ((event: never) => void)>>;

/** `on…` is a listener; true sets an attribute without a value; null, undefined and false leave it out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), props, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
}

function filled<E extends Element>(element: E, props: Props, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children)
    if (child !== null && child !== undefined && child !== false)
      element.append(child instanceof Node ? child : String(child));
  return element;
}

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** A bar of parts, by their shares. */
export function share(parts: readonly { readonly name: string; readonly value: number }[], label: string): HTMLElement {
  const bar = h("div", { class: "share", role: "img", "aria-label": label });
  for (const { name, value } of parts) {
    const piece = h("span", { class: `is-${name}` });
    piece.style.flexGrow = String(Math.max(value, 0));
    bar.append(piece);
  }
  return bar;
}
