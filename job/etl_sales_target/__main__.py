"""`python -m etl_sales_target` is the same as the command `etl-sales-target`."""

from etl_sales_target.cli import main

if __name__ == "__main__":
    main()
