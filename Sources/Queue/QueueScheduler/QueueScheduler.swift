// QueueScheduler
