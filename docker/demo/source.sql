-- The trial's source: 200,000 rows in 24 months. The database's image runs this when it first starts.
WHENEVER SQLERROR EXIT FAILURE
ALTER SESSION SET CONTAINER = FREEPDB1;

CREATE TABLE apps.khs_customers_trx_targets (
    id            NUMBER,
    product_id    NUMBER,
    target_month  NUMBER,
    target_year   NUMBER,
    target_amount NUMBER
);

INSERT INTO apps.khs_customers_trx_targets
SELECT
    level,
    1000 + MOD(level * 7919, 5000),
    1 + MOD(level, 12),
    2024 + MOD(TRUNC(level / 12), 2),
    CASE WHEN MOD(level, 100) <> 0 THEN MOD(level * 48271, 2147483647) / 10000 END
FROM dual
CONNECT BY level <= 200000;

COMMIT;
