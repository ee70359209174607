import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/** Kafka's own client, for what it writes and reads with each codec. Arguments: produce|consume, brokers, number of records, topic=codec … */
public class Codecs {
  public static void main(String[] args) throws Exception {
    int count = Integer.parseInt(args[2]);
    for (String each : List.of(args).subList(3, args.length)) {
      String[] pair = each.split("=");
      if (args[0].equals("produce")) produce(args[1], count, pair[0], pair[1]);
      else System.out.println(pair[0] + " " + consume(args[1], count, pair[0]));
    }
  }

  static void produce(String brokers, int count, String topic, String codec) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    settings.put("compression.type", codec);
    settings.put("linger.ms", "50");
    settings.put("batch.size", "400000");
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(topic, 0, "k" + i, textOf(i)));
    }
  }

  /** How many of them are there, each as it should be. */
  static int consume(String brokers, int count, String topic) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    var partition = new TopicPartition(topic, 0);
    int read = 0;
    try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      for (long until = System.currentTimeMillis() + 20000; read < count && System.currentTimeMillis() < until; )
        for (var record : consumer.poll(Duration.ofMillis(500)))
          if (!record.value().equals(textOf(read++))) throw new IllegalStateException("record " + (read - 1) + " is another");
    }
    return read;
  }

  /** As the test has it. */
  static String textOf(int i) {
    return "{\"n\":" + i + ",\"t\":\"" + "漢ä ".repeat(i % 40) + "\"}";
  }
}
