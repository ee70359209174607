/**
 * What the pinned DuckDB has and SQL from outside may not use, and why. What may be used is in
 * serving/sql/allowed. A test reads DuckDB's own catalog, and fails on what is in neither: an upgrade to a
 * newer DuckDB judges what it adds.
 */

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Functions, by the reason. */
export const refusedFunctions: Readonly<Record<string, string>> = {
  "made by DuckDB's own rewriting, for arguments that are not checked otherwise": `
    __internal_compress_integral_ubigint __internal_compress_integral_uinteger __internal_compress_integral_usmallint
    __internal_compress_integral_utinyint __internal_compress_string_hugeint __internal_compress_string_ubigint
    __internal_compress_string_uhugeint __internal_compress_string_uinteger __internal_compress_string_usmallint
    __internal_compress_string_utinyint __internal_decompress_integral_bigint __internal_decompress_integral_hugeint
    __internal_decompress_integral_integer __internal_decompress_integral_smallint __internal_decompress_integral_ubigint
    __internal_decompress_integral_uhugeint __internal_decompress_integral_uinteger __internal_decompress_integral_usmallint
    __internal_decompress_string parse_duckdb_log_message remap_struct sum_no_overflow unpivot_list variant_bytes_to_variant variant_normalize
    variant_to_parquet_variant
  `,
  "states of aggregates, as bytes that are not checked": `
    combine finalize
  `,
  "shows the session, the catalogs or the query's text": `
    alias col_description current_catalog current_connection_id current_database current_query current_query_id current_role current_schema
    current_schemas current_setting current_transaction_id current_user currval format_pg_type format_type get_block_size getvariable
    has_any_column_privilege has_column_privilege has_database_privilege has_foreign_data_wrapper_privilege has_function_privilege
    has_language_privilege has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege has_tablespace_privilege
    in_search_path inet_client_addr inet_client_port inet_server_addr inet_server_port map_to_pg_oid nextval obj_description
    pg_collation_is_visible pg_conf_load_time pg_conversion_is_visible pg_function_is_visible pg_get_constraintdef pg_get_expr pg_get_viewdef
    pg_has_role pg_is_other_temp_schema pg_my_temp_schema pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible
    pg_postmaster_start_time pg_table_is_visible pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
    pg_type_is_visible session_user shobj_description stats txid_current user vector_type version
  `,
  "runs SQL, or shows how DuckDB reads texts": `
    json_deserialize_sql json_serialize_plan json_serialize_sql
  `,
  "has an effect, or waits": `
    error pg_sleep setseed sleep_ms write_log
  `,
  "geometry, which no view has": `
    st_asbinary st_astext st_aswkb st_aswkt st_crs st_geomfromwkb st_intersects_extent st_setcrs
  `,
  "has a subquery or the clock in a macro that is not inspected": `
    ago current_localtime get_current_time json_group_object
  `,
};

/** They read files, catalogs, settings or the session, run SQL that is given as text, or have an effect. */
export const refusedTableFunctions = words(`
  arrow_scan arrow_scan_dumb check_peg_parser checkpoint disable_logging disable_peg_parser disable_profiling duckdb_approx_database_count
  duckdb_columns duckdb_connection_count duckdb_constraints duckdb_coordinate_systems duckdb_databases duckdb_dependencies duckdb_extensions
  duckdb_external_file_cache duckdb_functions duckdb_indexes duckdb_keywords duckdb_log_contexts duckdb_logs duckdb_logs_parsed duckdb_memory
  duckdb_optimizers duckdb_prepared_statements duckdb_profiling_settings duckdb_schemas duckdb_secret_types duckdb_secrets duckdb_sequences
  duckdb_settings duckdb_table_sample duckdb_tables duckdb_temporary_files duckdb_types duckdb_variables duckdb_views enable_logging
  enable_peg_parser enable_profiling force_checkpoint glob histogram histogram_values icu_calendar_names json_each json_execute_serialized_sql
  json_tree parquet_bloom_probe parquet_file_metadata parquet_full_metadata parquet_kv_metadata parquet_metadata parquet_scan parquet_schema
  pg_timezone_names pragma_collations pragma_database_size pragma_metadata_info pragma_platform pragma_show pragma_storage_info
  pragma_table_info pragma_user_agent pragma_version query query_table read_blob read_csv read_csv_auto read_duckdb read_json read_json_auto
  read_json_objects read_json_objects_auto read_ndjson read_ndjson_auto read_ndjson_objects read_parquet read_text repeat repeat_row seq_scan
  sniff_csv sql_auto_complete summary test_all_types test_vector_types truncate_duckdb_logs which_secret
`);

/** PRAGMA can't be used: it is not a SELECT. */
export const pragmas = words(`
  add_parquet_key all_profiling_output collations copy_database database_list database_size disable_checkpoint_on_shutdown disable_object_cache
  disable_optimizer disable_print_progress_bar disable_profile disable_profiling disable_progress_bar disable_verification
  disable_verify_external disable_verify_fetch_row disable_verify_parallelism disable_verify_serializer enable_checkpoint_on_shutdown
  enable_object_cache enable_optimizer enable_print_progress_bar enable_profile enable_profiling enable_progress_bar enable_verification
  extension_versions force_checkpoint functions import_database json_execute_serialized_sql metadata_info platform show show_databases
  show_tables show_tables_expanded storage_info table_info user_agent verify_external verify_fetch_row verify_parallelism verify_serializer
  version
`);

/** Tables of the catalogs: names after FROM are views or queries of WITH, and nothing else. */
export const catalogTables = words(`
  character_sets check_constraints columns constraint_column_usage constraint_table_usage duckdb_columns duckdb_constraints duckdb_databases
  duckdb_indexes duckdb_logs duckdb_schemas duckdb_tables duckdb_types duckdb_views key_column_usage pg_am pg_attrdef pg_attribute pg_class
  pg_collation pg_constraint pg_database pg_depend pg_description pg_enum pg_index pg_indexes pg_namespace pg_prepared_statements pg_proc
  pg_sequence pg_sequences pg_settings pg_tables pg_tablespace pg_type pg_views pragma_database_list referential_constraints schemata
  sqlite_master sqlite_schema sqlite_temp_master sqlite_temp_schema table_constraints tables views
`);

/** Settings that the sandbox sets; `lock_configuration` keeps them. */
export const ownSettings = words(`
  TimeZone allowed_paths autoinstall_known_extensions autoload_known_extensions enable_external_access enable_external_file_cache
  lock_configuration max_memory memory_limit temp_directory threads worker_threads
`);

/**
 * Settings left as they are: none of them lets SQL reach a file, the network or another's data, as long as
 * external access is off and they are locked.
 */
export const otherSettings = words(`
  Calendar __delta_only_variant_encoding_enabled access_mode allocator_background_threads allocator_bulk_deallocation_flush_threshold
  allocator_flush_threshold allow_community_extensions allow_extensions_metadata_mismatch allow_parser_override_extension
  allow_persistent_secrets allow_unredacted_secrets allow_unsigned_extensions allowed_configs allowed_directories arrow_large_buffer_size
  arrow_lossless_conversion arrow_output_list_view arrow_output_version asof_loop_join_threshold auto_checkpoint_skip_wal_threshold
  autoinstall_extension_repository binary_as_string block_allocator_memory catalog_error_max_schemas checkpoint_threshold
  current_transaction_invalidation_policy custom_extension_repository custom_profiling_settings custom_user_agent debug_asof_iejoin
  debug_checkpoint_abort debug_checkpoint_scan_sleep_ms debug_checkpoint_sleep_ms debug_eviction_queue_sleep_micro_seconds debug_force_external
  debug_force_no_cross_product debug_physical_table_scan_execution_strategy debug_skip_checkpoint_on_commit debug_verify_blocks
  debug_verify_vector debug_window_mode default_block_size default_collation default_null_order default_order default_secret_storage
  deprecated_using_key_syntax disable_database_invalidation disable_parquet_prefetching disable_timestamptz_casts disabled_compression_methods
  disabled_filesystems disabled_log_types disabled_optimizers duckdb_api dynamic_or_filter_threshold enable_caching_operators
  enable_fsst_vectors enable_geoparquet_conversion enable_http_logging enable_http_metadata_cache enable_logging enable_macro_dependencies
  enable_object_cache enable_optimistic_write enable_profiling enable_progress_bar enable_progress_bar_print enable_view_dependencies
  enabled_log_types errors_as_json experimental_metadata_reuse explain_output extension_directories extension_directory external_threads
  file_search_path force_bitpacking_mode force_column_metadata_reuse force_compression force_mbedtls_unsafe force_variant_shredding
  geometry_minimum_shredding_size home_directory http_logging_output http_proxy http_proxy_password http_proxy_username ieee_floating_point_ops
  ignore_unknown_crs immediate_transaction_mode index_scan_max_count index_scan_percentage integer_division lambda_syntax
  late_materialization_max_rows log_query_path logging_level logging_mode logging_storage max_expression_depth max_temp_directory_size
  max_vacuum_tasks merge_join_threshold nested_loop_join_threshold null_order old_implicit_casting order_by_non_integer_literal
  ordered_aggregate_threshold parquet_metadata_cache partitioned_write_flush_threshold partitioned_write_max_open_files password
  perfect_ht_threshold pin_threads pivot_filter_threshold pivot_limit prefer_range_joins prefetch_all_parquet_files preserve_identifier_case
  preserve_insertion_order produce_arrow_string_view profile_output profiling_coverage profiling_mode profiling_output progress_bar_time
  scalar_subquery_error_on_multiple_rows scheduler_process_partial schema search_path secret_directory storage_block_prefetch
  storage_compatibility_version streaming_buffer_size temp_file_encryption user username vacuum_rebuild_indexes validate_external_file_cache
  variant_minimum_shredding_size wal_autocheckpoint wal_autocheckpoint_entries warnings_as_errors write_buffer_row_group_count
  write_buffer_row_group_memory_limit zstd_min_string_length
`);

/** Types that are not available. */
export const refusedTypes = words(`
  GEOMETRY TYPE
`);

/** Kinds of statements but for SELECT: DuckDB does not show their trees, so they are refused before anything else. */
export const refusedStatements = words(`
  INVALID INSERT UPDATE EXPLAIN DELETE PREPARE CREATE EXECUTE ALTER TRANSACTION COPY ANALYZE VARIABLE_SET CREATE_FUNC DROP EXPORT PRAGMA VACUUM
  CALL SET LOAD RELATION EXTENSION LOGICAL_PLAN ATTACH DETACH MULTI COPY_DATABASE UPDATE_EXTENSIONS MERGE_INTO
`);
