"""What the tests share: the job as a process, its databases, and what stands around them."""
