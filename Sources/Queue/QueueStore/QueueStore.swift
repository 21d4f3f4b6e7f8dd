// QueueStore
