/** An invalid record of a stream. Dead letters are a set keyed by stream, partition and offset. */
export interface DeadLetter {
  readonly stream: string;
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
}
