/** Every refusal in the compiler's source: what it may say, and what to write instead, as patterns. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseAst } from "vitest/node";

export interface WrittenRefusal {
  readonly place: string;
  /** Each is of a text that some refusal from here has. */
  readonly whys: readonly RegExp[];
  readonly insteads: readonly RegExp[];
}

/** A syntax tree, as far as it is read. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly [property: string]: unknown;
}

const root = join(import.meta.dirname, "../..");
const folder = join(root, "shared/compiler");
/** The calls that refuse, and the place of their reason among the arguments; what to write instead comes next. */
const calls: Readonly<Record<string, number>> = { refuse: 2, refused: 0, no: 1 };

export function refusalsInSource(): WrittenRefusal[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => {
      const text = readFileSync(join(folder, name), "utf8");
      const tree = parseAst(text, { lang: "ts" }) as unknown as Node;
      return { name: relative(root, join(folder, name)), text, nodes: [...nodesIn(tree, [])] };
    });
  const advice = files.flatMap(({ nodes }) =>
    nodes.flatMap(({ node, above }) => {
      const name = node.type === "Property" ? nameOf(node.key as Node) : "";
      return name.endsWith("Advice") ? [{ name, texts: textsOf(node.value as Node, above, []) }] : [];
    }),
  );
  return files.flatMap(({ name, text, nodes }) =>
    nodes.flatMap(({ node, above }): WrittenRefusal[] => {
      const at = node.type === "CallExpression" ? calls[nameOf(node.callee as Node)] : undefined;
      const [why, instead] = at === undefined ? [] : (node.arguments as Node[]).slice(at);
      if (!why || !instead || handsOn(why, above)) return [];
      const patterns = (part: Node) => textsOf(part, above, advice).map((each) => new RegExp(`^${each}$`, "s"));
      const line = text.slice(0, node.start).split("\n").length;
      return [{ place: `${name}:${line}`, whys: patterns(why), insteads: patterns(instead) }];
    }),
  );
}

function* nodesIn(value: unknown, above: readonly Node[]): Generator<{ node: Node; above: readonly Node[] }> {
  if (Array.isArray(value)) for (const each of value) yield* nodesIn(each, above);
  else if (isNode(value)) {
    yield { node: value, above };
    for (const each of Object.values(value)) yield* nodesIn(each, [...above, value]);
  }
}

const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === "string";

/** Of a name, or of the last part of `a.b.name`. */
const nameOf = (node: Node): string => String(node.name ?? (isNode(node.property) ? node.property.name : ""));

/** What was refused elsewhere, or is an argument itself. */
function handsOn(why: Node, above: readonly Node[]): boolean {
  if (why.type === "MemberExpression") return true;
  return why.type === "Identifier" && !declared(nameOf(why), above);
}

/** The value of a constant that is in scope. */
function declared(name: string, above: readonly Node[]): Node | undefined {
  for (const scope of above.toReversed()) {
    const body = scope.type === "SwitchCase" ? scope.consequent : scope.body;
    for (const statement of Array.isArray(body) ? (body as Node[]) : []) {
      if (statement.type !== "VariableDeclaration") continue;
      const found = (statement.declarations as Node[]).find(({ id }) => nameOf(id as Node) === name);
      if (found?.init) return found.init as Node;
    }
  }
  return undefined;
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

/**
 * All texts that an expression may give, as patterns. `advice`: those of properties such as `orderAdvice`,
 * wherever they are set.
 */
function textsOf(
  node: Node,
  above: readonly Node[],
  advice: readonly { readonly name: string; readonly texts: readonly string[] }[],
): string[] {
  const inner = (each: unknown) => textsOf(each as Node, above, advice);
  switch (node.type) {
    case "Literal":
      return node.value === null ? [] : [escaped(String(node.value))];
    case "TSNonNullExpression":
      return inner(node.expression);
    case "ConditionalExpression":
      return [...inner(node.consequent), ...inner(node.alternate)];
    case "LogicalExpression":
      return [...inner(node.left), ...inner(node.right)];
    case "TemplateLiteral": {
      const quasis = (node.quasis as { value: { cooked: string } }[]).map(({ value }) => escaped(value.cooked));
      return (node.expressions as Node[]).reduce(
        (heads, each, i) => heads.flatMap((head) => inner(each).map((text) => head + text + quasis[i + 1]!)),
        [quasis[0]!],
      );
    }
    case "MemberExpression": {
      const set = advice.filter(({ name }) => name === nameOf(node));
      return set.length > 0 ? set.flatMap(({ texts }) => texts) : [".*"];
    }
    case "Identifier": {
      const value = declared(nameOf(node), above);
      return value ? inner(value) : [".*"];
    }
    default:
      return [".*"];
  }
}
