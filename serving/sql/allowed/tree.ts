/**
 * What SQL from clients may use of DuckDB's syntax tree: kinds of nodes, each with its fields and
 * their values. A kind or a field that is not listed is refused, including those that a newer
 * DuckDB adds.
 */

const shapes = (text: string): ReadonlyMap<string, ReadonlySet<string>> =>
  new Map(
    text
      .trim()
      .split("\n")
      .map((line) => {
        const [kind = "", fields = ""] = line.split(": ");
        return [kind.trim(), new Set(fields.split(" "))];
      }),
  );
const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Expressions, by class. */
export const expressions = shapes(`
  BETWEEN: alias class input lower query_location type upper
  CASE: alias case_checks class else_expr query_location type
  CAST: alias cast_type child class query_location try_cast type
  COLLATE: alias child class collation query_location type
  COLUMN_REF: alias class column_names query_location type
  COMPARISON: alias class left query_location right type
  CONJUNCTION: alias children class query_location type
  CONSTANT: alias class query_location type value
  FUNCTION: alias catalog children class distinct export_state filter function_name is_operator order_bys query_location schema type
  LAMBDA: alias class expr lhs query_location type
  OPERATOR: alias children class query_location type
  PARAMETER: alias class identifier query_location type
  POSITIONAL_REFERENCE: alias class index query_location type
  STAR: alias class columns exclude_list expr qualified_exclude_list query_location relation_name rename_list replace_list type
  SUBQUERY: alias child class comparison_type query_location subquery subquery_type type
  WINDOW: alias arg_orders catalog children class default_expr distinct end end_expr exclude_clause filter_expr function_name ignore_nulls offset_expr orders partitions query_location schema start start_expr type
`);

/** What an expression's `type` may say. */
export const operators = words(`
  ARRAY_CONSTRUCTOR ARRAY_EXTRACT ARRAY_SLICE ARROW CASE_EXPR COLLATE COLUMN_REF COMPARE_BETWEEN COMPARE_DISTINCT_FROM COMPARE_EQUAL
  COMPARE_GREATERTHAN COMPARE_GREATERTHANOREQUALTO COMPARE_IN COMPARE_LESSTHAN COMPARE_LESSTHANOREQUALTO COMPARE_NOTEQUAL COMPARE_NOT_BETWEEN
  COMPARE_NOT_DISTINCT_FROM COMPARE_NOT_IN CONJUNCTION_AND CONJUNCTION_OR FUNCTION GROUPING_FUNCTION LAMBDA OPERATOR_CAST OPERATOR_COALESCE
  OPERATOR_IS_NOT_NULL OPERATOR_IS_NULL OPERATOR_NOT OPERATOR_NULLIF OPERATOR_TRY OPERATOR_UNPACK POSITIONAL_REFERENCE STAR STRUCT_EXTRACT
  SUBQUERY VALUE_CONSTANT VALUE_PARAMETER WINDOW_AGGREGATE WINDOW_CUME_DIST WINDOW_FILL WINDOW_FIRST_VALUE WINDOW_LAG WINDOW_LAST_VALUE
  WINDOW_LEAD WINDOW_NTH_VALUE WINDOW_NTILE WINDOW_PERCENT_RANK WINDOW_RANK WINDOW_RANK_DENSE WINDOW_ROW_NUMBER
`);

/** Queries, tables after FROM, and what orders and limits, by `type`. */
export const nodes = shapes(`
  SELECT_NODE: aggregate_handling cte_map from_table group_expressions group_sets having modifiers qualify sample select_list type where_clause
  SET_OPERATION_NODE: children cte_map left modifiers right setop_all setop_type type
  RECURSIVE_CTE_NODE: aliases cte_map cte_name key_targets left modifiers right type union_all
  BASE_TABLE: alias at_clause catalog_name column_name_alias query_location sample schema_name table_name type
  EMPTY: alias query_location sample type
  EXPRESSION_LIST: alias expected_names expected_types query_location sample type values
  JOIN: alias condition delim_flipped duplicate_eliminated_columns join_type left query_location ref_type right sample type using_columns
  SUBQUERY: alias column_name_alias query_location sample subquery type
  TABLE_FUNCTION: alias column_name_alias function query_location sample type with_ordinality
  DISTINCT_MODIFIER: distinct_on_targets type
  LIMIT_MODIFIER: limit offset type
  LIMIT_PERCENT_MODIFIER: limit offset type
  ORDER_MODIFIER: orders type
  ASCENDING: expression null_order type
  DESCENDING: expression null_order type
  ORDER_DEFAULT: expression null_order type
  ARRAY_TYPE_INFO: alias child_type extension_info size type
  DECIMAL_TYPE_INFO: alias extension_info scale type width
  ENUM_TYPE_INFO: alias extension_info type values values_count
  LIST_TYPE_INFO: alias child_type extension_info type
  STRING_TYPE_INFO: alias collation extension_info type
  STRUCT_TYPE_INFO: alias child_types extension_info type
  UNBOUND_TYPE_INFO: alias catalog extension_info name schema type user_type_modifiers
`);

/** Types, as they may be named or occur in the tree. */
export const types: ReadonlySet<string> = new Set([
  "TIMESTAMP WITH TIME ZONE",
  "TIME WITH TIME ZONE",
  ...words(`
  ANY ARRAY BIGINT BIGNUM BINARY BIT BITSTRING BLOB BOOL BOOLEAN BPCHAR BYTEA CHAR DATE DATETIME DEC DECIMAL DOUBLE ENUM FLOAT FLOAT4 FLOAT8 GUID HUGEINT
  INT INT1 INT128 INT16 INT2 INT32 INT4 INT64 INT8 INTEGER INTEGER_LITERAL INTEGRAL INTERVAL JSON LAMBDA LIST LOGICAL LONG MAP NULL NUMERIC NVARCHAR OID REAL
  ROW SHORT SIGNED SMALLINT STRING STRING_LITERAL STRUCT TEXT TIME TIME_NS TIMESTAMP TIMESTAMPTZ TIMESTAMP_MS TIMESTAMP_NS TIMESTAMP_S TIMESTAMP_US
  TIMETZ TINYINT UBIGINT UHUGEINT UINT128 UINT16 UINT32 UINT64 UINT8 UINTEGER UNBOUND UNION UNKNOWN USMALLINT UTINYINT UUID VARBINARY VARCHAR VARIANT
  VARINT
`),
]);
