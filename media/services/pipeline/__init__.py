"""
The import of posts, batch by batch, in four steps:

    batches   read: cut the records of a source into batches of one chat
    plan      find the messages that need work, read and hash their files; write nothing
    upload    reserve room and put new files into the bucket, in threads
    commit    write media, posts and events, and settle the bytes, in one transaction

`in_flight` holds the state of one batch from its plan to its commit and repeats it where it has
to be; `run` keeps two batches in flight; `preview` stops after the plan.
"""
