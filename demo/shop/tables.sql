CREATE TABLE categories (category text PRIMARY KEY, department text NOT NULL);

CREATE TABLE customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  city text
);

CREATE TABLE products (
  sku text PRIMARY KEY,
  name text NOT NULL,
  description text,
  category text NOT NULL REFERENCES categories,
  price numeric(10, 2) NOT NULL,
  stock integer NOT NULL CHECK (stock >= 0)
);
-- long descriptions lie beside the table, and an update that leaves them as they are does not send them
ALTER TABLE products ALTER description SET STORAGE EXTERNAL;

CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer bigint NOT NULL,
  placed timestamp NOT NULL,
  cancelled timestamp,
  status text NOT NULL
);
CREATE INDEX ON orders (customer);

-- as they were sold
CREATE TABLE order_lines (
  order_id bigint REFERENCES orders,
  sku text,
  category text NOT NULL REFERENCES categories,
  quantity integer NOT NULL,
  price numeric(10, 2) NOT NULL,
  PRIMARY KEY (order_id, sku)
);

CREATE TABLE outbox (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  aggregatetype text NOT NULL,
  aggregateid text NOT NULL,
  type text NOT NULL,
  payload jsonb NOT NULL
);
