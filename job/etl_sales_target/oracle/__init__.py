"""The source. The only package that imports oracledb."""
