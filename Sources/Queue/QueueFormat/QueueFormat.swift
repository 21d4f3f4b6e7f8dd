// QueueFormat
