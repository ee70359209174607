import { TidemarkError } from "../../shared/errors.ts";

export function refused(what: string, todo: string): TidemarkError {
  return new TidemarkError("QUERY_REFUSED", what, todo);
}
