/** Which types the oids are that relations and tables name. */
import type { PostgresConnection } from "../../shared/postgres/connection.ts";
import type { PgType } from "./types.ts";

interface TypeRow {
  readonly name: string;
  readonly isOwn: boolean;
  readonly kind: string;
  /** Of a domain; else 0. */
  readonly base: number;
  readonly baseModifier: number;
  /** Of an array's elements; else 0. */
  readonly element: number;
}

const sql = `SELECT t.oid::bigint AS oid, json_build_object('name', t.typname, 'isOwn', n.nspname = 'pg_catalog',
  'kind', t.typtype, 'base', t.typbasetype::bigint, 'baseModifier', t.typtypmod,
  'element', CASE WHEN t.typcategory = 'A' AND t.typsubscript = 'array_subscript_handler'::regproc AND t.typlen = -1
    THEN t.typelem::bigint ELSE 0 END)::text AS e
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = ANY ($1::oid[])`;

export class TypeCatalog {
  readonly #query: PostgresConnection;
  readonly #types = new Map<number, TypeRow | null>();

  constructor(query: PostgresConnection) {
    this.#query = query;
  }

  /** A type that is gone is one that is not known. */
  async learn(oids: readonly number[]): Promise<void> {
    let wanted = [...new Set(oids)].filter((oid) => oid !== 0 && !this.#types.has(oid));
    while (wanted.length > 0) {
      const rows = await this.#query.rows(sql, [wanted.map(String)]);
      for (const oid of wanted) this.#types.set(oid, null);
      for (const row of rows) this.#types.set(Number(row.oid), JSON.parse(row.e!) as TypeRow);
      const under = wanted.flatMap((oid) => {
        const type = this.#types.get(oid);
        return type ? [type.base, type.element] : [];
      });
      wanted = [...new Set(under)].filter((oid) => oid !== 0 && !this.#types.has(oid));
    }
  }

  knows(oid: number): boolean {
    return this.#types.has(oid);
  }

  /** @param written the type as people write it; left out: by its name */
  of(oid: number, modifier: number, written?: string): PgType {
    const own = this.#types.get(oid) ?? null;
    const base = this.#base(own, modifier);
    const element = base.type !== null && base.type.element !== 0 ? this.#types.get(base.type.element) : null;
    const inner = element ? this.#base(element, base.modifier) : base;
    const name = nameOf(inner.type);
    return { name, isList: element !== null, modifier: inner.modifier, written: written ?? own?.name ?? "unknown" };
  }

  /** What a domain is over. */
  #base(type: TypeRow | null, modifier: number): { type: TypeRow | null; modifier: number } {
    let each = { type, modifier };
    while (each.type?.kind === "d") {
      each = { type: this.#types.get(each.type.base) ?? null, modifier: each.type.baseModifier };
    }
    return each;
  }
}

const texts = new Set(["text", "varchar", "bpchar", "char", "name"]);
const own = new Set(
  "int2 int4 int8 oid bool float4 float8 numeric uuid date time timestamp timestamptz bytea json jsonb".split(" "),
);

function nameOf(type: TypeRow | null): string {
  if (type === null) return "other";
  if (type.kind === "e") return "enum";
  if (!type.isOwn) return type.name === "citext" ? "citext" : "other";
  return own.has(type.name) || texts.has(type.name) ? type.name : "other";
}
