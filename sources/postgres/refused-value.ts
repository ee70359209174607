/** A value that the field's declared type has no value for. The value is never in it: it may be personal data. */
export class ValueRefusal extends Error {
  readonly todo: string;

  /** @param problem what kind of value it is: "NaN" */
  constructor(problem: string, todo = "declare the field as VARCHAR, which has PostgreSQL's own text") {
    super(problem);
    this.name = "ValueRefusal";
    this.todo = todo;
  }
}
