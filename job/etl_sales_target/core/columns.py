"""The columns that both tables have."""

COLUMNS = ("id", "product_id", "target_month", "target_year", "target_amount")
