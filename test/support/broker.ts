/** @returns the addresses of a broker that other tests use, too: of KAFKA_BROKERS where that is set */
export async function sharedBroker(): Promise<string> {
  const { KAFKA_BROKERS: given, TEST_BROKER: server } = process.env;
  if (given) return given;
  const answer = await fetch(server!);
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}
