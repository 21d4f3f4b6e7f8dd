// QueueManager
